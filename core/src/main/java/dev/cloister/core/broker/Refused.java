package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.time.Duration;

/**
 * Why the broker does not pass a request on.
 *
 * @param reason a short name for the metric
 * @param retryAfter zero: waiting does not help
 */
record Refused(ErrorCode code, String reason, String message, Duration retryAfter) {
    Refused(ErrorCode code, String reason, String message) {
        this(code, reason, message, Duration.ZERO);
    }

    CloisterException toException() {
        return new CloisterException(code, message, retryAfter.isZero() ? null : retryAfter, null);
    }
}
