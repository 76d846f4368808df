package dev.cloister.core.config;

import java.nio.file.Path;

/**
 * Where a value was written.
 *
 * @param label names it in a message: {@code cloister.yaml:4}, {@code CLOISTER_PORT}, {@code command line}
 * @param base relative paths written there start from here
 * @param home what {@code ~} stands for
 */
record Place(String label, Path base, Path home) {}
