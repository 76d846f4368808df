package dev.cloister.core.reach;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the proxy adds to a tenant's requests for a host, so that it never stands in a sandbox. The sandbox asks in plain HTTP; to an
 * {@code https} host the proxy speaks TLS. Written {@code https://HOST[:PORT] FILE} or {@code http://HOST[:PORT] FILE}. Pure.
 *
 * @param port the host's
 */
public record HostCredential(boolean secure, Destination.Name host, int port, Secret secret) {
    /** Where the value of the header {@code Authorization} is. */
    public sealed interface Secret {
        /** @param path absolute; the file has one line */
        record InFile(Path path) implements Secret {}

        record Kept(String value) implements Secret {
            /** Not the value: records end up in logs. */
            @Override
            public String toString() {
                return "Kept";
            }
        }
    }

    /** What the form above is called in messages. */
    public static final String FORM =
            "a host and a file, such as `https://git.example.com /etc/cloister/ada.authorization`";

    /** In characters. */
    public static final int LONGEST_VALUE = 8000;

    private static final Pattern VALUE = Pattern.compile("[\\x21-\\x7e]+( [\\x21-\\x7e]+)*");
    private static final int HTTP = 80;
    private static final int HTTPS = 443;
    private static final Pattern WRITTEN = Pattern.compile("(?<scheme>https?)://(?<place>[^/\\s]+)/? +(?<file>/.*)");
    private static final Pattern PLACE = Pattern.compile("(?<host>[^:/\\s]+)(:(?<port>[0-9]{1,5}))?");

    /** @return empty if it is not of the form */
    public static Optional<HostCredential> parse(String text) {
        Matcher matcher = WRITTEN.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        return of(
                matcher.group("scheme").equals("https"),
                matcher.group("place"),
                new Secret.InFile(Path.of(matcher.group("file")).normalize()));
    }

    /**
     * @param place a host's name, and a port where it is not the usual one
     * @return empty if it is not of that form
     */
    public static Optional<HostCredential> of(boolean secure, String place, Secret secret) {
        Matcher matcher = PLACE.matcher(place);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int port = matcher.group("port") == null ? usual(secure) : Integer.parseInt(matcher.group("port"));
        return Destination.parse(matcher.group("host"))
                .filter(host -> host instanceof Destination.Name && port >= 1 && port <= 0xFFFF)
                .map(host -> new HostCredential(secure, (Destination.Name) host, port, secret));
    }

    private static int usual(boolean secure) {
        return secure ? HTTPS : HTTP;
    }

    /** The host, and the port where it is not the usual one. */
    public String place() {
        return port == usual(secure) ? host.text() : host.text() + ":" + port;
    }

    /** Whether a text can be the value of a header. */
    public static boolean isValue(String text) {
        return text.length() <= LONGEST_VALUE && VALUE.matcher(text).matches();
    }

    /** Whether it belongs to this request; a tunnel's is between the sandbox and the host. */
    public boolean covers(EgressRequest request) {
        return request.http().isPresent() && request.host().equals(host) && request.port() == askedPort();
    }

    /** {@code http://HOST} and {@code https://HOST} are one host to people. */
    private int askedPort() {
        return secure && port == HTTPS ? HTTP : port;
    }

    /** What git is told, so that URLs that people write lead through the proxy: {@code url.VALUE.insteadOf}, and that. */
    public Optional<Map.Entry<String, String>> insteadOf() {
        String rest = "://" + place() + "/";
        return secure ? Optional.of(Map.entry("url.http" + rest + ".insteadOf", "https" + rest)) : Optional.empty();
    }
}
