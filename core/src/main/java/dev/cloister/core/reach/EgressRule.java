package dev.cloister.core.reach;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One thing that is open. Written {@code example.com}, {@code *.example.com}, {@code 10.1.2.3} or {@code [fd00::1]}, each with
 * {@code :PORT} behind it or, without, for the ports 80 and 443; or, for plain HTTP only, {@code [METHOD ]http://HOST[:PORT]/PATH},
 * where a path with {@code *} at its end stands for all that begin like it. Pure.
 *
 * @param suffix whether it means every host below {@code host}, and not {@code host} itself
 * @param port empty: 80 and 443
 */
public record EgressRule(Destination host, boolean suffix, OptionalInt port, Optional<Plain> plain) {
    /** What the form above is called in messages. */
    public static final String FORM = "a rule such as `example.com`, `*.example.com:8443`, `10.1.2.3:5432` or"
            + " `GET http://example.com/path/*`";

    /**
     * For plain HTTP only.
     *
     * @param method empty: each
     * @param path {@code *} at the end: each that begins like it
     */
    public record Plain(Optional<String> method, String path) {
        boolean covers(EgressRequest.Http request) {
            boolean same = path.endsWith("*")
                    ? request.path().startsWith(path.substring(0, path.length() - 1))
                    : request.path().equals(path);
            return method.map(request.method()::equals).orElse(true) && same && isPlain(request.path());
        }

        /** Whether every server reads the path as it stands here. */
        private static boolean isPlain(String path) {
            return PLAIN_PATH.matcher(path).matches() && !DOTS.matcher(path).find();
        }
    }

    private static final int HTTP = 80;
    private static final int HTTPS = 443;
    private static final Pattern WRITTEN =
            Pattern.compile("(?<wild>\\*\\.)?(?<host>\\[[^\\]]*\\]|[^:/\\s]+)(:(?<port>[0-9]{1,5}))?");
    private static final Pattern WRITTEN_PLAIN =
            Pattern.compile("((?<method>[A-Z]{1,20}) +)?http://(?<rest>[^/\\s]+)(?<path>/\\S*)");
    private static final Pattern PLAIN_PATH =
            Pattern.compile("/([A-Za-z0-9._~!$&'()+,;=:@-]+/?|%(?!2[eEfF]|5[cC])[0-9A-Fa-f]{2}/?)*");
    private static final Pattern DOTS = Pattern.compile("(^|/)\\.{1,2}(/|$)");

    /** @return empty if it is not of the form */
    public static Optional<EgressRule> parse(String text) {
        Matcher plain = WRITTEN_PLAIN.matcher(text);
        if (plain.matches()) {
            String path = plain.group("path");
            String start = path.endsWith("*") ? path.substring(0, path.length() - 1) : path;
            return Plain.isPlain(start)
                    ? host(
                            plain.group("rest"),
                            Optional.of(new Plain(Optional.ofNullable(plain.group("method")), path)))
                    : Optional.empty();
        }
        return host(text, Optional.empty());
    }

    private static Optional<EgressRule> host(String text, Optional<Plain> plain) {
        Matcher matcher = WRITTEN.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            return Optional.empty();
        }
        boolean suffix = matcher.group("wild") != null;
        OptionalInt port = matcher.group("port") == null
                ? plain.isPresent() ? OptionalInt.of(HTTP) : OptionalInt.empty()
                : OptionalInt.of(Integer.parseInt(matcher.group("port")));
        return Destination.parse(matcher.group("host"))
                .filter(host -> !suffix || host instanceof Destination.Name)
                .filter(host -> port.orElse(1) >= 1 && port.orElse(1) <= 0xFFFF)
                .map(host -> new EgressRule(host, suffix, port, plain));
    }

    /** The narrowest rule that would let it through. */
    public static EgressRule of(EgressRequest request) {
        return new EgressRule(
                request.host(),
                false,
                request.port() == HTTPS && request.http().isEmpty()
                        ? OptionalInt.empty()
                        : OptionalInt.of(request.port()),
                Optional.empty());
    }

    public boolean covers(EgressRequest request) {
        return coversHost(request.host())
                && coversPort(request.port())
                && plain.map(part -> request.http().filter(part::covers).isPresent())
                        .orElse(true);
    }

    /** Whether it names this very address, so that it is meant however private it is. */
    boolean lists(Destination.Address address, int at) {
        return host.equals(address) && coversPort(at);
    }

    private boolean coversHost(Destination wanted) {
        return suffix
                ? wanted instanceof Destination.Name(String name) && name.endsWith("." + host.text())
                : host.equals(wanted);
    }

    private boolean coversPort(int wanted) {
        return port.isPresent() ? port.getAsInt() == wanted : wanted == HTTP || wanted == HTTPS;
    }

    /** As it is written in the configuration. */
    @Override
    public String toString() {
        boolean standard = plain.isPresent() && port.orElse(HTTP) == HTTP;
        String where =
                (suffix ? "*." : "") + host.text() + (port.isPresent() && !standard ? ":" + port.getAsInt() : "");
        return plain.map(part -> part.method().map(method -> method + " ").orElse("") + "http://" + where + part.path())
                .orElse(where);
    }
}
