package dev.cloister.core.exec;

/** A piece of a command's output. */
public record ExecEvent(Stream stream, byte[] bytes) {
    /** Where it was written to. */
    public enum Stream {
        STDOUT,
        STDERR
    }
}
