package dev.cloister.core.audit;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is kept beside the log to notice that its end was cut off.
 *
 * @param seq the last entry known to be written; 0 before the first
 * @param hash that entry's
 * @param seal HMAC over both
 */
record AuditHead(long seq, String hash, String seal) {
    /** How long the line is, whatever the number. */
    static final int BYTES = 18 + 1 + 64 + 1 + 64 + 1;

    private static final Pattern SHAPE = Pattern.compile("(\\d{1,18}) ([0-9a-f]{64}) ([0-9a-f]{64})\n");

    static AuditHead of(AuditChain chain, long seq, String hash) {
        return new AuditHead(seq, hash, chain.sealOf(seq, hash));
    }

    static Optional<AuditHead> parse(String text) {
        Matcher fields = SHAPE.matcher(text);
        return fields.matches()
                ? Optional.of(new AuditHead(Long.parseLong(fields.group(1)), fields.group(2), fields.group(3)))
                : Optional.empty();
    }

    /** One line of {@link #BYTES}. */
    String format() {
        return String.format(Locale.ROOT, "%018d %s %s\n", seq, hash, seal);
    }
}
