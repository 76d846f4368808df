package dev.cloister.core.reach;

/** How much of the network a tenant reaches. */
public enum EgressMode {
    /** Nothing. */
    CLOSED,
    /** What the rules name. */
    ALLOWLIST,
    /** Everything public; what no rule names is written down, as the rule that would be needed. */
    OBSERVE,
    /** Everything public. */
    OPEN
}
