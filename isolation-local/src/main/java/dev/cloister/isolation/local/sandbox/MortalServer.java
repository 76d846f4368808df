package dev.cloister.isolation.local.sandbox;

/** A backend that can be made to end as if its server had been killed, so that a probe can see what that leaves. */
public interface MortalServer {
    /** Does what the kernel sees of a server's death, and nothing to tidy up. */
    void die();
}
