package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.spi.Guarantee;
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

    /** What the request tried: more than its share, or something else than a model call of its session. */
    Guarantee guarantee() {
        return code == ErrorCode.RATE_LIMITED || code == ErrorCode.TOO_LARGE
                ? Guarantee.RESOURCES_BOUNDED
                : Guarantee.CREDENTIAL_NEVER_INSIDE;
    }

    CloisterException toException() {
        return new CloisterException(code, message, retryAfter.isZero() ? null : retryAfter, null);
    }
}
