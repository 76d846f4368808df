package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Tries every mode of this build on this host, in a temporary directory and without a server's state. */
public final class Doctor {
    /** One mode and what came of trying it. */
    public record Examined(IsolationMode mode, Availability availability) {}

    /** What was found. */
    public record Report(Host host, List<Examined> modes) {
        public Report {
            modes = List.copyOf(modes);
        }
    }

    private Doctor() {}

    /** @param progress gets a line for each mode before it is tried */
    public static Report examine(CloisterConfig config, Consumer<String> progress) {
        try {
            Path directory = Files.createTempDirectory("cloister-doctor-");
            try {
                return examine(config, progress, directory);
            } finally {
                try (Stream<Path> all = Files.walk(directory)) {
                    for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                        Files.deleteIfExists(path);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Report examine(CloisterConfig config, Consumer<String> progress, Path directory) throws IOException {
        // As a server's workspaces: every tenant's uid can walk through.
        Files.setPosixFilePermissions(
                directory, PosixFilePermissions.fromString(HostFacts.uid() == 0 ? "rwx--x--x" : "rwx------"));
        RunDirectory run = RunDirectory.prepare(directory.resolve("workspaces"), HostFacts.uid());
        Host host = HostFacts.host(UidRanges.draw(new SecureRandom(), List.of()).probe(), run.scratch());
        IsolationConfig isolation = run.isolation(config);
        List<Examined> examined = new ArrayList<>();
        for (IsolationProvider provider : IsolationChoice.strongestFirst().reversed()) {
            progress.accept("trying " + provider.mode().id() + " mode");
            examined.add(new Examined(provider.mode(), provider.probe(isolation, host)));
        }
        return new Report(host, examined);
    }
}
