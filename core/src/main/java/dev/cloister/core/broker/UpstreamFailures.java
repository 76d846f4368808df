package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Turns what an upstream says went wrong into the project's exception. Pure. */
final class UpstreamFailures {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int LONGEST_MESSAGE = 1000;
    private static final int LONGEST_WAIT_SECONDS = 86_400;

    private UpstreamFailures() {}

    /** @param retryAfter the header's value, or an empty string */
    static CloisterException of(int status, byte[] body, String retryAfter, SecretGuard guard) {
        String own = "";
        try {
            own = JSON.readTree(body).path("error").path("message").asString("");
        } catch (JacksonException e) {
            // A gateway's page in HTML or plain text: the status has to do.
            own = "";
        }
        String message = own.isBlank() ? "the upstream answered with status " + status : own;
        return new CloisterException(code(status), bounded(message, guard), seconds(retryAfter), null);
    }

    static CloisterException of(UsageMeter.StreamError error, SecretGuard guard) {
        ErrorCode code = switch (error.type()) {
            case "overloaded_error" -> ErrorCode.UPSTREAM_OVERLOADED;
            case "rate_limit_error" -> ErrorCode.UPSTREAM_RATE_LIMITED;
            case "invalid_request_error" -> ErrorCode.UPSTREAM_INVALID_REQUEST;
            case "authentication_error" -> ErrorCode.UPSTREAM_UNAUTHENTICATED;
            case "permission_error" -> ErrorCode.UPSTREAM_FORBIDDEN;
            default -> ErrorCode.UPSTREAM_ERROR;
        };
        String message = error.message().isBlank() ? "the upstream broke its answer off" : error.message();
        return new CloisterException(code, bounded(message, guard));
    }

    private static ErrorCode code(int status) {
        return switch (status) {
            case 401 -> ErrorCode.UPSTREAM_UNAUTHENTICATED;
            case 403 -> ErrorCode.UPSTREAM_FORBIDDEN;
            case 404 -> ErrorCode.UPSTREAM_NOT_FOUND;
            case 429 -> ErrorCode.UPSTREAM_RATE_LIMITED;
            case 503, 529 -> ErrorCode.UPSTREAM_OVERLOADED;
            default -> status >= 400 && status < 500 ? ErrorCode.UPSTREAM_INVALID_REQUEST : ErrorCode.UPSTREAM_ERROR;
        };
    }

    /** The secret goes before the cut, which could leave a part of it. */
    private static String bounded(String message, SecretGuard guard) {
        String clean = guard.without(message);
        return clean.length() <= LONGEST_MESSAGE ? clean : clean.substring(0, LONGEST_MESSAGE);
    }

    private static @Nullable Duration seconds(String retryAfter) {
        if (!retryAfter.matches("[0-9]{1,9}")) {
            return null;
        }
        return Duration.ofSeconds(Math.min(Integer.parseInt(retryAfter), LONGEST_WAIT_SECONDS));
    }

    /** Whether the body holds the secret, as it stands or escaped as JSON may. */
    static boolean holdsSecret(byte[] body, SecretGuard guard) {
        if (guard.isIn(new String(body, StandardCharsets.UTF_8))) {
            return true;
        }
        try {
            JsonNode unescaped = JSON.readTree(body);
            return guard.isIn(unescaped.toString());
        } catch (JacksonException e) {
            return false;
        }
    }
}
