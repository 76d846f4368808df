package dev.cloister.isolation.tck;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A sandbox without a wall: processes of the server's own user, with directories of their own and nothing else. What attacks
 * are worth is seen in it; nothing of value belongs there. Thread-safe. Closing it ends nothing.
 *
 * @param prefix stands before each command, such as {@code unshare}; may be empty
 */
public record PlainSandbox(SandboxSpec spec, List<String> prefix) implements Sandbox {
    /** Attacks kill their parent, which must not be this JVM. */
    private static final List<String> PARENT = List.of("/bin/sh", "-c", "\"$@\"; exit", "sh");

    /** A tenant with new directories below {@code tree}. */
    public static SandboxTenant tenant(Path tree, List<String> prefix) throws IOException {
        SandboxSpec spec = new SandboxSpec("plain", 0, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
        for (Path each : List.of(spec.work(), spec.home(), spec.tmp())) {
            Files.createDirectories(each);
        }
        return new SandboxTenant(spec, new PlainSandbox(spec, List.copyOf(prefix)));
    }

    @Override
    public SandboxRef ref() {
        throw new UnsupportedOperationException("nobody looks for it after a restart");
    }

    @Override
    public SandboxPaths paths() {
        return new SandboxPaths(spec.work().toString(), spec.home().toString());
    }

    @Override
    public SharedDirectory share() {
        try {
            return new Share(Files.createTempDirectory(spec.tmp(), "s"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public boolean hasOwnNetwork() {
        return false;
    }

    @Override
    public SandboxProcess launch(ProcessSpec process) {
        List<String> all = new ArrayList<>(PARENT);
        all.addAll(prefix);
        all.addAll(process.command());
        ProcessBuilder builder =
                new ProcessBuilder(all).directory(Path.of(process.cwd()).toFile());
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        builder.environment().put("LANG", "C.UTF-8");
        builder.environment().put("HOME", spec.home().toString());
        builder.environment().put("TMPDIR", spec.tmp().toString());
        builder.environment().putAll(process.env());
        try {
            return new Plain(builder.start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Optional<Usage> usage() {
        return Optional.empty();
    }

    @Override
    public void close() {}

    private record Share(Path host) implements SharedDirectory {
        @Override
        public String inner() {
            return host.toString();
        }

        @Override
        public String publish(String name, byte[] content) {
            try {
                return Files.write(host.resolve(name), content).toString();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void admit(Path socket) {}

        @Override
        public void close() {
            if (!Files.exists(host)) {
                return;
            }
            try (Stream<Path> all = Files.list(host)) {
                for (Path path : all.toList()) {
                    Files.delete(path);
                }
                Files.delete(host);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** What leaves its family stays: there is no wall. */
    private record Plain(Process process) implements SandboxProcess {
        private static final long LOOK_MS = 2;

        @Override
        public long pid() {
            return process.pid();
        }

        @Override
        public OutputStream stdin() {
            return process.getOutputStream();
        }

        @Override
        public InputStream stdout() {
            return process.getInputStream();
        }

        @Override
        public InputStream stderr() {
            return process.getErrorStream();
        }

        @Override
        public boolean isAlive() {
            return process.isAlive();
        }

        @Override
        public void terminate(Duration grace) {
            try {
                if (!process.waitFor(grace.toMillis(), TimeUnit.MILLISECONDS)) {
                    List<ProcessHandle> family = process.descendants().toList();
                    process.destroyForcibly();
                    family.forEach(ProcessHandle::destroyForcibly);
                    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(Output.PATIENCE_MS);
                    while (family.stream().anyMatch(Plain::runs) && System.nanoTime() < deadline) {
                        Thread.sleep(LOOK_MS);
                    }
                    process.waitFor(Output.PATIENCE_MS, TimeUnit.MILLISECONDS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** A container's first process is often no init: what it inherits is never waited for, and stays as a zombie. */
        private static boolean runs(ProcessHandle member) {
            try {
                String stat = Files.readString(Path.of("/proc", Long.toString(member.pid()), "stat"));
                return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
            } catch (IOException gone) {
                return false;
            }
        }

        @Override
        public ExitStatus await() throws InterruptedException {
            int status = process.waitFor();
            return status > 128 ? new ExitStatus.Signalled(status - 128) : new ExitStatus.Exited(status);
        }
    }
}
