package dev.cloister.core.audit;

import java.util.Map;

/** Where what was done is recorded. Thread-safe; when {@link #record} returns, the entry is durable. */
public interface Audit {
    /**
     * @param detail names and plain values (strings, numbers, booleans); never a prompt, code, or a secret
     */
    void record(String actor, String action, Map<String, Object> detail);
}
