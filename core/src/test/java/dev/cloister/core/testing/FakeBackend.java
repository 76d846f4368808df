package dev.cloister.core.testing;

import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Sandboxes without walls, whose processes the test makes. */
public final class FakeBackend implements IsolationBackend {
    private final Path shares;
    private final Function<ProcessSpec, SandboxProcess> launcher;
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicInteger sharesMade = new AtomicInteger();
    private final List<Path> openShares = new CopyOnWriteArrayList<>();
    private final List<ProcessSpec> launched = new CopyOnWriteArrayList<>();

    /** Where tenants' files are instead of where the server thinks; empty: there. */
    private final Optional<Path> kept;

    private volatile Optional<Usage> usage = Optional.empty();

    /** @param shares an existing directory for what server and tenant share */
    public FakeBackend(Path shares, Function<ProcessSpec, SandboxProcess> launcher) {
        this(shares, launcher, Optional.empty());
    }

    private FakeBackend(Path shares, Function<ProcessSpec, SandboxProcess> launcher, Optional<Path> kept) {
        this.shares = shares;
        this.launcher = launcher;
        this.kept = kept;
    }

    /**
     * One that keeps what its only tenant has.
     *
     * @param tree holds {@code work} and {@code home}
     */
    public static FakeBackend keeping(Path tree, Path shares, Function<ProcessSpec, SandboxProcess> launcher) {
        return new FakeBackend(shares, launcher, Optional.of(tree));
    }

    /** What was started, oldest first. */
    public List<ProcessSpec> launched() {
        return List.copyOf(launched);
    }

    /** What every sandbox says from now on that it used. */
    public void used(Usage now) {
        usage = Optional.of(now);
    }

    /** Whether every sandbox and every shared directory was closed. */
    public boolean isQuiet() {
        return open.get() == 0 && openShares.isEmpty();
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        open.incrementAndGet();
        return new FakeSandbox(spec);
    }

    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        return Optional.empty();
    }

    @Override
    public boolean keepsFiles() {
        return kept.isPresent();
    }

    @Override
    public void close() {}

    private final class FakeSandbox implements Sandbox {
        private final SandboxSpec spec;

        @Override
        public Optional<Usage> usage() {
            return usage;
        }

        FakeSandbox(SandboxSpec spec) {
            this.spec = spec;
        }

        @Override
        public SandboxRef ref() {
            return new SandboxRef(IsolationMode.DIRECTORIES, spec.name(), spec.uid());
        }

        @Override
        public SandboxPaths paths() {
            return new SandboxPaths(
                    kept.map(tree -> tree.resolve("work")).orElse(spec.work()).toString(),
                    kept.map(tree -> tree.resolve("home")).orElse(spec.home()).toString());
        }

        @Override
        public SharedDirectory share() {
            return new FakeShare(shares.resolve("share-" + sharesMade.incrementAndGet()));
        }

        @Override
        public boolean hasOwnNetwork() {
            return false;
        }

        @Override
        public SandboxProcess launch(ProcessSpec process) {
            launched.add(process);
            return launcher.apply(process);
        }

        @Override
        public void close() {
            open.decrementAndGet();
        }
    }

    private final class FakeShare implements SharedDirectory {
        private final Path directory;

        FakeShare(Path directory) {
            this.directory = directory;
            try {
                Files.createDirectory(directory);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            openShares.add(directory);
        }

        @Override
        public Path host() {
            return directory;
        }

        @Override
        public String inner() {
            return directory.toString();
        }

        @Override
        public String publish(String name, byte[] content) {
            try {
                return Files.write(directory.resolve(name), content).toString();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void admit(Path socket) {}

        @Override
        public void close() {
            openShares.remove(directory);
        }
    }
}
