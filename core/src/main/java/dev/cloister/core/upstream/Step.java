package dev.cloister.core.upstream;

import java.time.Duration;
import java.util.OptionalInt;
import tools.jackson.databind.node.ObjectNode;

/** One step of a script. */
sealed interface Step {
    /** Ends an assistant turn with the use of a tool. */
    record Tool(String name, ObjectNode input) implements Step {}

    /**
     * Says something in front of the next tool use or of the final answer.
     *
     * @param chunks how many deltas it is streamed in
     * @param pause between two deltas
     */
    record Text(String text, int chunks, Duration pause) implements Step {}

    /** Waits before the next turn's answer begins. */
    record Delay(Duration time) implements Step {}

    /**
     * Answers the next turn with an error.
     *
     * @param index its place in the script, from 1
     * @param retryAfter in seconds
     * @param times after so many errors the script goes on; empty: never
     */
    record Failure(int index, int status, OptionalInt retryAfter, OptionalInt times) implements Step {}
}
