package dev.cloister.spi;

/** Enough to find a sandbox again after the server was restarted. */
public record SandboxRef(IsolationMode mode, String name, long uid) {}
