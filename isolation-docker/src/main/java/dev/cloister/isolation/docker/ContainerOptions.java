package dev.cloister.isolation.docker;

import dev.cloister.spi.IsolationConfig;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * What the operator says of container mode.
 *
 * @param engine the engine's socket, {@code unix:///…}
 * @param image what containers are made of
 * @param runtime the engine's name for what runs them, such as {@code runsc}; empty: its default
 * @param idle how long a container without processes goes on running
 */
record ContainerOptions(String engine, String image, Optional<String> runtime, Duration idle) {
    static final String ENGINE = "unix:///var/run/docker.sock";
    static final String IMAGE = "cloister-agent";

    static ContainerOptions of(IsolationConfig config) {
        Map<String, String> options = config.options();
        return new ContainerOptions(
                options.getOrDefault("container.engine", ENGINE),
                options.getOrDefault("container.image", IMAGE),
                Optional.ofNullable(options.get("container.runtime")).filter(name -> !name.isEmpty()),
                Duration.ofMillis(Long.parseLong(options.getOrDefault("container.idle-timeout", "600000"))));
    }
}
