package dev.cloister.server.api;

import java.util.List;

/**
 * Whether the server can do its work now.
 *
 * @param reasons why it cannot, one phrase each; empty if it can
 */
public record Readiness(List<String> reasons) {
    public Readiness {
        reasons = List.copyOf(reasons);
    }

    public boolean ready() {
        return reasons.isEmpty();
    }
}
