package dev.cloister.spi;

import java.nio.file.Path;

/**
 * What a backend needs to know from the operator.
 *
 * @param runRoot an existing directory that only the server can write and every tenant can walk through; the backend
 *     owns everything below it
 */
public record IsolationConfig(Path runRoot) {}
