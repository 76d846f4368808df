package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.sandbox.MortalServer;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.spi.IsolationBackend;

/** A mode whose sandboxes are guests: containers or virtual machines. */
public interface GuestBackend extends IsolationBackend, MortalServer, Opaque {
    /** Whether what was prepared last is bounded as was asked, as the kernel says. */
    boolean bounded();
}
