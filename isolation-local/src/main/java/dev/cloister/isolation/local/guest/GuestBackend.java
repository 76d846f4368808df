package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.sandbox.MortalServer;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.Sandbox;

/** A mode whose sandboxes are guests: containers or virtual machines. */
public interface GuestBackend extends IsolationBackend, MortalServer, Opaque {
    /** Whether memory, processor and processes of an open sandbox of this backend's are bounded as was asked. */
    boolean bounds(Sandbox sandbox);
}
