package dev.cloister.core.config;

import java.nio.file.Path;

/**
 * What the defaults depend on, given by the caller so that binding reads nothing from the machine.
 *
 * @param isRoot whether the server runs as uid 0
 * @param userHome absolute; what {@code ~} stands for
 */
public record HostDefaults(boolean isRoot, Path userHome) {}
