package dev.cloister.isolation.tck.contract;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A host and a mode opened on it, under a directory that every uid can walk to. Closing it removes both. */
public final class ContractStage implements AutoCloseable {
    /**
     * Of the first tenant, where tenants have uids of their own. Some modes end all that runs under a uid, so each JVM that tests has
     * a thousand of its own.
     */
    public static final long FIRST_UID =
            1_700_000_000L + ProcessHandle.current().pid() % 100_000 * 1_000;

    public static final SandboxLimits LIMITS = new SandboxLimits(1L << 30, 2, 512, 64 << 20, 1024);

    final Path root;
    final Host host;
    final IsolationConfig config;
    private final IsolationProvider provider;
    private IsolationBackend backend;

    /** How a command ended and what it said. */
    public record Output(ExitStatus status, String stdout, String stderr) {}

    ContractStage(IsolationProvider provider, Map<String, String> options, SandboxLimits limits, Path jails)
            throws IOException {
        this.provider = provider;
        root = Files.createTempDirectory("cloister-test");
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx--x--x"));
        host = new Host(
                "test",
                System.getProperty("os.arch"),
                serverUid(),
                FIRST_UID + 100,
                directory(root.resolve("scratch"), "rwx--x--x"));
        config = new IsolationConfig(
                directory(root.resolve("run"), "rwx--x--x"), List.of(), limits, Optional.empty(), jails, options);
        backend = provider.open(config, host);
    }

    static Path jails() {
        try {
            Path jails = Files.createTempDirectory("cloister-jails");
            Files.setPosixFilePermissions(jails, PosixFilePermissions.fromString("rwx--x--x"));
            Runtime.getRuntime().addShutdownHook(new Thread(() -> remove(jails)));
            return jails;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void remove(Path path) {
        try {
            new ProcessBuilder("rm", "-rf", "--", path.toString()).start().waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static long serverUid() {
        try {
            return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public IsolationBackend backend() {
        return backend;
    }

    /** Another server on the same place; the one before is left as it is. */
    public void reopen() {
        backend = provider.open(config, host);
    }

    public Sandbox sandbox(String name, long uid) throws IOException {
        return backend.prepare(tenant(name, uid));
    }

    /** A tenant's tree, made if it is not there. */
    public SandboxSpec tenant(String name, long uid) throws IOException {
        Path tree = root.resolve(name);
        long own = host.isRoot() ? uid : host.serverUid();
        SandboxSpec spec = new SandboxSpec(name, own, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
        if (Files.exists(tree)) {
            return spec;
        }
        for (Path path : List.of(tree, spec.work(), spec.home(), spec.tmp())) {
            directory(path, "rwx------");
            if (host.isRoot()) {
                Files.setAttribute(path, "unix:uid", (int) own);
                Files.setAttribute(path, "unix:gid", (int) own);
            }
        }
        return spec;
    }

    private static Path directory(Path path, String permissions) throws IOException {
        Files.createDirectory(path);
        return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    /** Runs a command to its end. */
    public static Output run(Sandbox sandbox, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(List.of(command), environment, sandbox.paths().work()));
        process.stdin().close();
        CompletableFuture<String> stderr = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> stderr.complete(text(process.stderr())));
        String stdout = text(process.stdout());
        try {
            return new Output(process.await(), stdout, stderr.get());
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String text(InputStream in) {
        try {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static Output shell(Sandbox sandbox, String script) throws IOException, InterruptedException {
        return run(sandbox, Map.of(), "/bin/sh", "-c", script);
    }

    @Override
    public void close() {
        backend.close();
        remove(root);
    }
}
