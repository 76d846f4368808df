package dev.cloister.core.broker;

import dev.cloister.core.upstream.Credential;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;

/** Which headers cross the broker, in either direction. Pure. */
final class HeaderRules {
    private static final Set<String> REQUEST =
            Set.of("content-type", "accept", "anthropic-version", "anthropic-beta", "user-agent", "x-app");
    private static final String REQUEST_PREFIX = "x-stainless-";
    private static final Set<String> RESPONSE = Set.of("content-type", "retry-after", "request-id", "x-should-retry");
    private static final String RESPONSE_PREFIX = "anthropic-ratelimit-";
    private static final Pattern PRINTABLE = Pattern.compile("[\\x20-\\x7e]*");
    /** A header's name; RFC 9110, section 5.6.2, in small letters. */
    private static final Pattern TOKEN = Pattern.compile("[a-z0-9!#$%&'*+.^_`|~-]+");

    private static final String BETA = "anthropic-beta";
    private static final String OAUTH_BETA = "oauth-2025-04-20";

    private HeaderRules() {}

    /** What goes to the upstream: the listed headers of the request, and the real credential in place of the dummy. */
    static Map<String, String> towardsUpstream(HttpFields request, Credential credential) {
        Map<String, String> headers = new LinkedHashMap<>();
        for (HttpField field : request) {
            String name = field.getName().toLowerCase(Locale.ROOT);
            String value = field.getValue();
            if (listed(REQUEST, REQUEST_PREFIX, name)
                    && value != null
                    && PRINTABLE.matcher(value).matches()) {
                headers.merge(name, value, (first, second) -> first + ", " + second);
            }
        }
        switch (credential.kind()) {
            case API_KEY -> headers.put("x-api-key", credential.secret());
            case BEARER -> headers.put("authorization", "Bearer " + credential.secret());
            case OAUTH -> {
                headers.put("authorization", "Bearer " + credential.secret());
                headers.merge(BETA, OAUTH_BETA, HeaderRules::withBeta);
            }
        }
        return headers;
    }

    private static boolean listed(Set<String> names, String prefix, String name) {
        return names.contains(name)
                || name.startsWith(prefix) && TOKEN.matcher(name).matches();
    }

    private static String withBeta(String present, String beta) {
        for (String one : present.split(",", -1)) {
            if (one.strip().equals(beta)) {
                return present;
            }
        }
        return present.isBlank() ? beta : present + "," + beta;
    }

    /** What of the upstream's answer may go into the sandbox; never a value that holds the secret. */
    static Map<String, String> intoSandbox(Map<String, String> response, SecretGuard guard) {
        Map<String, String> headers = new LinkedHashMap<>();
        response.forEach((name, value) -> {
            if (listed(RESPONSE, RESPONSE_PREFIX, name)
                    && PRINTABLE.matcher(value).matches()
                    && !guard.isIn(value)) {
                headers.put(name, value);
            }
        });
        return headers;
    }
}
