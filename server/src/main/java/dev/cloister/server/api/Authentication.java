package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Authenticator;
import dev.cloister.core.tenant.PresentedCredential;
import dev.cloister.core.tenant.PresentedCredential.Header;
import dev.cloister.core.tenant.Principal;
import dev.cloister.server.net.Exchange;
import io.javalin.http.Context;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Reads the credential from a request's headers and finds its tenant. Thread-safe. */
final class Authentication {
    private static final int MAX_LENGTH = 8 * 1024;
    private static final String BEARER = "bearer ";

    private final Authenticator authenticator;

    Authentication(Authenticator authenticator) {
        this.authenticator = authenticator;
    }

    /** @throws CloisterException UNAUTHENTICATED or FORBIDDEN */
    Principal principal(Context context) {
        return principal(name -> Collections.list(context.req().getHeaders(name)), Exchange.of(context.req()));
    }

    /**
     * @param headers a header's values by its name
     * @throws CloisterException UNAUTHENTICATED or FORBIDDEN
     */
    Principal principal(Function<String, List<String>> headers, Exchange exchange) {
        Principal principal = authenticator.authenticate(presented(headers));
        exchange.tenant(principal.tenant().id());
        return principal;
    }

    private static PresentedCredential presented(Function<String, List<String>> headers) {
        Optional<String> bearer = only(headers, "Authorization").map(Authentication::withoutScheme);
        Optional<String> key = only(headers, "x-api-key").map(String::strip);
        if (bearer.isPresent() && key.isPresent() && !bearer.equals(key)) {
            throw refused("authorization and x-api-key hold different credentials; send one of them");
        }
        if (bearer.isPresent()) {
            return new PresentedCredential(Header.AUTHORIZATION_BEARER, checked(bearer.get()));
        }
        return new PresentedCredential(
                Header.X_API_KEY,
                checked(key.orElseThrow(
                        () -> refused("send your credential as authorization: Bearer … or as x-api-key"))));
    }

    private static Optional<String> only(Function<String, List<String>> headers, String header) {
        List<String> values = headers.apply(header);
        if (values.size() > 1) {
            throw refused("the header " + header.toLowerCase(Locale.ROOT) + " is sent twice; send it once");
        }
        return values.stream().findFirst();
    }

    private static String withoutScheme(String value) {
        if (!value.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
            throw refused("the authorization header must be: Bearer, a space, and your credential");
        }
        return value.substring(BEARER.length()).strip();
    }

    private static String checked(String secret) {
        if (secret.isEmpty()) {
            throw refused("the credential is empty");
        }
        if (secret.length() > MAX_LENGTH) {
            throw refused("the credential is longer than " + MAX_LENGTH + " characters");
        }
        if (secret.chars().anyMatch(c -> c < 0x21 || c > 0x7e)) {
            throw refused("the credential must be visible ASCII characters without spaces");
        }
        return secret;
    }

    private static CloisterException refused(String message) {
        return new CloisterException(ErrorCode.UNAUTHENTICATED, message);
    }
}
