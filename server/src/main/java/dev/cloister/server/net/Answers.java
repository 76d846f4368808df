package dev.cloister.server.net;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.time.Duration;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpFields;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What all answers have in common: the shape of errors, and the headers. Pure. */
public final class Answers {
    public static final String REQUEST_ID = "request-id";
    public static final String JSON = "application/json";
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private Answers() {}

    /**
     * An error in the Messages API's shape.
     *
     * @see <a href="https://docs.anthropic.com/en/api/errors">Messages API: errors</a>
     */
    public static ObjectNode error(String type, String message, String requestId) {
        ObjectNode body = MAPPER.createObjectNode();
        body.put("type", "error");
        body.putObject("error").put("type", type).put("message", message);
        body.put("request_id", requestId);
        return body;
    }

    public static ObjectNode error(CloisterException failure, String requestId) {
        return error(failure.code().type(), String.valueOf(failure.getMessage()), requestId);
    }

    /** Whole seconds, at least one. */
    public static String retryAfter(Duration wait) {
        return Long.toString(Math.max(1, wait.plusMillis(999).toSeconds()));
    }

    /** The error type of a status that Jetty chose. */
    static String typeOf(int status) {
        return Stream.of(ErrorCode.values())
                .filter(code -> code.status() == status)
                .map(ErrorCode::type)
                .findFirst()
                .orElse(status < 500 ? ErrorCode.INVALID_REQUEST.type() : ErrorCode.INTERNAL.type());
    }

    static void commonHeaders(HttpFields.Mutable headers, String requestId) {
        headers.put(REQUEST_ID, requestId);
        headers.put("Cache-Control", "no-store");
        headers.put("X-Content-Type-Options", "nosniff");
        headers.put("X-Frame-Options", "DENY");
        headers.put("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        headers.put("Referrer-Policy", "no-referrer");
        headers.put("Cross-Origin-Resource-Policy", "same-origin");
    }
}
