package dev.cloister.core.tenant;

import java.util.regex.Pattern;

/** A tenant's name everywhere: 32 lower-case hexadecimal characters. Safe in paths, logs and metrics. */
public record TenantId(String value) {
    private static final Pattern SHAPE = Pattern.compile("[0-9a-f]{32}");

    public TenantId {
        if (!SHAPE.matcher(value).matches()) {
            throw new IllegalArgumentException("a tenant id is 32 lower-case hexadecimal characters: " + value);
        }
    }

    @Override
    public String toString() {
        return value;
    }
}
