package dev.cloister.core.reach;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the proxy adds to a tenant's requests for a host, so that it never stands in a sandbox. The sandbox asks in plain HTTP; to an
 * {@code https} host the proxy speaks TLS. Written {@code https://HOST[:PORT] FILE} or {@code http://HOST[:PORT] FILE}. Pure.
 *
 * @param port the host's
 * @param file absolute; its one line is the value of the header {@code Authorization}
 */
public record HostCredential(boolean secure, Destination.Name host, int port, Path file) {
    /** What the form above is called in messages. */
    public static final String FORM =
            "a host and a file, such as `https://git.example.com /etc/cloister/ada.authorization`";

    private static final int HTTP = 80;
    private static final int HTTPS = 443;
    private static final Pattern WRITTEN =
            Pattern.compile("(?<scheme>https?)://(?<host>[^:/\\s]+)(:(?<port>[0-9]{1,5}))?/? +(?<file>/.*)");

    /** @return empty if it is not of the form */
    public static Optional<HostCredential> parse(String text) {
        Matcher matcher = WRITTEN.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        boolean secure = matcher.group("scheme").equals("https");
        int port = matcher.group("port") == null ? secure ? HTTPS : HTTP : Integer.parseInt(matcher.group("port"));
        return Destination.parse(matcher.group("host"))
                .filter(host -> host instanceof Destination.Name && port >= 1 && port <= 0xFFFF)
                .map(host -> new HostCredential(
                        secure,
                        (Destination.Name) host,
                        port,
                        Path.of(matcher.group("file")).normalize()));
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
        OptionalInt shown = port == (secure ? HTTPS : HTTP) ? OptionalInt.empty() : OptionalInt.of(port);
        String rest = "://" + host.text() + (shown.isPresent() ? ":" + shown.getAsInt() : "") + "/";
        return secure ? Optional.of(Map.entry("url.http" + rest + ".insteadOf", "https" + rest)) : Optional.empty();
    }
}
