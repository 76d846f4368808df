package dev.cloister.core.error;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The one exception of the project. Its message is for the caller: what is wrong and what to do next; no secrets. */
public final class CloisterException extends RuntimeException {
    private final ErrorCode code;
    private final @Nullable Duration retryAfter;

    public CloisterException(ErrorCode code, String message) {
        this(code, message, null, null);
    }

    public CloisterException(ErrorCode code, String message, Throwable cause) {
        this(code, message, null, cause);
    }

    public CloisterException(ErrorCode code, String message, @Nullable Duration retryAfter, @Nullable Throwable cause) {
        super(message, cause);
        this.code = code;
        this.retryAfter = retryAfter;
    }

    public ErrorCode code() {
        return code;
    }

    /** How long to wait before the same request has a chance, where that is known. */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }

    public static CloisterException invalid(String message) {
        return new CloisterException(ErrorCode.INVALID_REQUEST, message);
    }

    public static CloisterException notFound(String message) {
        return new CloisterException(ErrorCode.NOT_FOUND, message);
    }
}
