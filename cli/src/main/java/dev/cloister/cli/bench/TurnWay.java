package dev.cloister.cli.bench;

import java.io.IOException;

/** One way to have a message answered by the agent. Used round after round, by one thread. */
interface TurnWay {
    String name();

    /** Starts what has to be there for a while before the message. Not timed. */
    default void prepare() throws IOException, InterruptedException {}

    /**
     * Sends a message and waits for the end of the turn.
     *
     * @throws IOException if the turn failed
     */
    TurnTime turn(String message) throws IOException, InterruptedException;

    /** Takes away what only this round needed, and returns when it is gone: its end must not disturb the next way. */
    default void done() throws IOException, InterruptedException {}
}
