package dev.cloister.core.audit;

import java.util.Map;

/** Where what was done is recorded. Thread-safe; when {@link #record} returns, the entry is durable. */
public interface Audit {
    /**
     * Adds one entry to the end of the log.
     *
     * @param actor a tenant's id, or {@code operator} or {@code server}
     * @param action such as {@code turn.completed}
     * @param detail names and plain values (strings, numbers, booleans); never a prompt, code, or a secret
     */
    void record(String actor, String action, Map<String, Object> detail);
}
