package dev.cloister.spi;

/** How a process ended. */
public sealed interface ExitStatus {
    record Exited(int code) implements ExitStatus {}

    record Signalled(int signal) implements ExitStatus {}

    record TimedOut() implements ExitStatus {}

    record OutOfMemory() implements ExitStatus {}

    /** Ended by {@link SandboxProcess#terminate}. */
    record Cancelled() implements ExitStatus {}
}
