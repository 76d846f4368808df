package dev.cloister.server.net;

/** The connection that a request came in on, for the time of the request. Thread-safe. */
public interface ClientConnection {
    /** The head was received. */
    void requestBegun(boolean hasBody);

    /** The body may take longer than a request usually may, as long as it keeps this rate. */
    void uploadBegun(long bytesPerSecond);

    /** The last byte of the request was read. */
    void requestReceived();

    /** The answer is complete. */
    void requestAnswered();

    /** Whether reading was ended because the request did not arrive in time. */
    boolean tooSlow();

    /**
     * Whether the client closed its end, found out without writing. A client that only half-closes counts as gone. Never
     * blocks.
     */
    boolean peerGone();

    /** Cuts the connection: the only way to tell a client that an answer under way is not complete. */
    void abort();
}
