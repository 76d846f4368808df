package dev.cloister.core.upstream;

import java.nio.charset.StandardCharsets;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * An error in the Messages API's shape.
 *
 * @param type the {@code error.type}
 * @see <a href="https://docs.anthropic.com/en/api/errors">Messages API: errors</a>
 */
public record MessagesError(String type, String message) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /** The error that belongs to a status; statuses that the API does not list count as its {@code api_error}. */
    public static MessagesError of(int status, String message) {
        String type = switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 404 -> "not_found_error";
            case 413 -> "request_too_large";
            case 429 -> "rate_limit_error";
            case 503, 529 -> "overloaded_error";
            default -> status >= 400 && status < 500 ? "invalid_request_error" : "api_error";
        };
        return new MessagesError(type, message);
    }

    /** The whole body, as UTF-8 JSON. */
    public byte[] body() {
        ObjectNode body = JSON.createObjectNode();
        body.put("type", "error");
        body.putObject("error").put("type", type).put("message", message);
        return JSON.writeValueAsString(body).getBytes(StandardCharsets.UTF_8);
    }
}
