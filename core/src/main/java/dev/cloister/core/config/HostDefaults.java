package dev.cloister.core.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What the defaults depend on, given by the caller so that binding reads nothing from the machine.
 *
 * @param isRoot whether the server runs as uid 0
 * @param userHome absolute; what {@code ~} stands for
 * @param inMemory a directory on a file system in memory where the server's user may make directories and run programs
 * @param memorySize how much memory the machine, or the container, has in bytes
 */
public record HostDefaults(boolean isRoot, Path userHome, Optional<Path> inMemory, long memorySize) {}
