package dev.cloister.core.error;

/**
 * Everything that can go wrong, in four families; the HTTP status and the Messages API's error type follow from it.
 *
 * @see <a href="https://docs.anthropic.com/en/api/errors">Messages API: errors</a>
 */
public enum ErrorCode {
    INVALID_REQUEST(Family.CALLER, 400, "invalid_request_error"),
    UNAUTHENTICATED(Family.CALLER, 401, "authentication_error"),
    FORBIDDEN(Family.CALLER, 403, "permission_error"),
    NOT_FOUND(Family.CALLER, 404, "not_found_error"),
    METHOD_NOT_ALLOWED(Family.CALLER, 405, "invalid_request_error"),
    TOO_SLOW(Family.CALLER, 408, "timeout_error"),
    CONFLICT(Family.CALLER, 409, "conflict_error"),
    TOO_LARGE(Family.CALLER, 413, "request_too_large"),
    URI_TOO_LONG(Family.CALLER, 414, "invalid_request_error"),
    UNSUPPORTED_MEDIA_TYPE(Family.CALLER, 415, "invalid_request_error"),
    HEADERS_TOO_LARGE(Family.CALLER, 431, "invalid_request_error"),
    /** The client went away; nobody reads this answer. The status is nginx's. */
    CLIENT_GONE(Family.CALLER, 499, "api_error"),

    RATE_LIMITED(Family.CAPACITY, 429, "rate_limit_error"),
    OVERLOADED(Family.CAPACITY, 529, "overloaded_error"),
    NOT_READY(Family.CAPACITY, 503, "overloaded_error"),

    UPSTREAM_INVALID_REQUEST(Family.UPSTREAM, 400, "invalid_request_error"),
    UPSTREAM_UNAUTHENTICATED(Family.UPSTREAM, 401, "authentication_error"),
    UPSTREAM_FORBIDDEN(Family.UPSTREAM, 403, "permission_error"),
    UPSTREAM_NOT_FOUND(Family.UPSTREAM, 404, "not_found_error"),
    UPSTREAM_RATE_LIMITED(Family.UPSTREAM, 429, "rate_limit_error"),
    UPSTREAM_ERROR(Family.UPSTREAM, 500, "api_error"),
    UPSTREAM_UNREACHABLE(Family.UPSTREAM, 502, "api_error"),
    UPSTREAM_OVERLOADED(Family.UPSTREAM, 529, "overloaded_error"),

    TURN_TIMED_OUT(Family.INTERNAL, 504, "timeout_error"),
    AGENT_FAILED(Family.INTERNAL, 500, "api_error"),
    ISOLATION_FAILED(Family.INTERNAL, 503, "api_error"),
    INTERNAL(Family.INTERNAL, 500, "api_error");

    /** Who has to act. */
    public enum Family {
        CALLER,
        CAPACITY,
        UPSTREAM,
        INTERNAL
    }

    private final Family family;
    private final int status;
    private final String type;

    ErrorCode(Family family, int status, String type) {
        this.family = family;
        this.status = status;
        this.type = type;
    }

    public Family family() {
        return family;
    }

    public int status() {
        return status;
    }

    /** The {@code error.type} of the Messages API. */
    public String type() {
        return type;
    }
}
