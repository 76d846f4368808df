package dev.cloister.isolation.local.launch;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.OptionalLong;

/** A launcher that was started, on this machine or in a guest. Thread-safe, but for its streams: each is for one thread at a time. */
public interface RunningLauncher {
    /** As the server's own machine numbers it; where it has no number there, one that is like no other of the same server. */
    long pid();

    OutputStream stdin();

    InputStream stdout();

    InputStream stderr();

    boolean isAlive();

    /** Waits until it is gone and can tell no more. */
    void awaitEnd() throws InterruptedException;

    /** How much memory it takes with all it started, in bytes; empty where nobody can say. */
    OptionalLong memory();

    /** Sends KILL to it alone; nothing if it has ended. */
    void kill();

    /** Sends KILL to it and to all that it watches over. */
    void killAll();

    /** Ends it and gives up its streams. */
    void discard() throws IOException;
}
