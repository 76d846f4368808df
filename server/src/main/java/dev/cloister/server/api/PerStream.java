package dev.cloister.server.api;

import dev.cloister.core.exec.ExecEvent;

/** One thing for each output stream of a command. */
record PerStream<T>(T stdout, T stderr) {
    T of(ExecEvent.Stream stream) {
        return switch (stream) {
            case STDOUT -> stdout;
            case STDERR -> stderr;
        };
    }
}
