package dev.cloister.cli;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options by which every command finds its configuration. */
final class ConfigurationOptions {
    @Option(names = "--config", paramLabel = "FILE", description = "Configuration file; see docs/configuration.md.")
    private @Nullable Path file;

    @Option(
            names = "--data",
            paramLabel = "DIRECTORY",
            description = "The server's own state (default: /var/lib/cloister as root, else ~/.local/share/cloister).")
    private @Nullable String data;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Any key of the configuration file, such as --set limits.turns=8.")
    private Map<String, String> keys = new LinkedHashMap<>();

    /** @param more what a command's own options set, by key */
    CloisterConfig load(Map<String, String> more) {
        Map<String, String> options = new LinkedHashMap<>(keys);
        if (data != null) {
            options.put("data", data);
        }
        options.putAll(more);
        return ConfigLoader.load(Optional.ofNullable(file), System.getenv(), options, HostFacts.defaults());
    }

    /** What was said of isolation and its modes, by key, for a server of a command's own. */
    Map<String, String> ofIsolation() {
        Set<String> prefixes = Stream.concat(
                        Stream.of("isolation"),
                        Stream.of(IsolationMode.values()).map(IsolationMode::id))
                .map(name -> name + ".")
                .collect(Collectors.toSet());
        return ConfigLoader.given(prefixes, Optional.ofNullable(file), System.getenv(), keys, HostFacts.defaults());
    }
}
