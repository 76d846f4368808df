package dev.cloister.spi;

/** Where a tenant's directories stand as its own processes see them. */
public record SandboxPaths(String work, String home) {}
