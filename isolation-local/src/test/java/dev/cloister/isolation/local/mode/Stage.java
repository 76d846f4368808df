package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.tck.contract.ContractStage;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;

/** A host, a mode opened on it and sandboxes to play with, under a directory that every uid can walk to. */
final class Stage implements AutoCloseable {
    static final long FIRST_UID = ContractStage.FIRST_UID;
    static final SandboxLimits LIMITS = new SandboxLimits(1L << 30, 2, 512, 64 << 20, 1024);

    /** One for all tests, which need the same jail and would each wait for it to be built. */
    private static final Path JAILS = jails();

    final Path root;
    final Host host;
    final IsolationConfig config;
    final IsolationProvider provider;
    private final IsolationBackend backend;

    Stage(IsolationMode mode) throws IOException {
        this(mode, LIMITS);
    }

    Stage(IsolationMode mode, SandboxLimits limits) throws IOException {
        root = Files.createTempDirectory("cloister-test");
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx--x--x"));
        Path run = directory(root.resolve("run"), "rwx--x--x");
        host = new Host(
                "test",
                System.getProperty("os.arch"),
                serverUid(),
                FIRST_UID + 100,
                directory(root.resolve("scratch"), "rwx--x--x"));
        config = new IsolationConfig(run, List.of(), limits, Optional.empty(), JAILS);
        provider = provider(mode);
        backend = provider.open(config, host);
    }

    private static Path jails() {
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

    static IsolationProvider provider(IsolationMode mode) {
        return ServiceLoader.load(IsolationProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.mode() == mode)
                .findFirst()
                .orElseThrow();
    }

    static long serverUid() {
        try {
            return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static boolean isRoot() {
        return serverUid() == 0;
    }

    IsolationBackend backend() {
        return backend;
    }

    Sandbox sandbox(String name, long uid) throws IOException {
        return backend.prepare(tenant(name, uid));
    }

    SandboxSpec tenant(String name, long uid) throws IOException {
        Path tree = directory(root.resolve(name), "rwx------");
        SandboxSpec spec = new SandboxSpec(
                name,
                host.isRoot() ? uid : host.serverUid(),
                directory(tree.resolve("work"), "rwx------"),
                directory(tree.resolve("home"), "rwx------"),
                directory(tree.resolve("tmp"), "rwx------"));
        if (host.isRoot()) {
            for (Path path : List.of(tree, spec.work(), spec.home(), spec.tmp())) {
                Files.setAttribute(path, "unix:uid", (int) uid);
                Files.setAttribute(path, "unix:gid", (int) uid);
            }
        }
        return spec;
    }

    /** The mode's blueprint for launches by another launcher than the backend's. */
    static Blueprint blueprint(IsolationMode mode, Stage stage, Abilities abilities, Launcher launcher) {
        return ((LocalProvider) provider(mode)).blueprint(stage.config, stage.host, abilities, launcher.base());
    }

    /** A directory with what the blueprint needs in a sandbox's share. */
    Path share(Blueprint blueprint, SandboxSpec tenant) throws IOException {
        Path share = Files.createDirectories(root.resolve("share"));
        for (Map.Entry<String, String> file : blueprint.furnishing(tenant).entrySet()) {
            Files.writeString(share.resolve(file.getKey()), file.getValue());
        }
        return share;
    }

    private static Path directory(Path path, String permissions) throws IOException {
        Files.createDirectory(path);
        return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    record Output(ExitStatus status, String stdout, String stderr) {}

    static Output run(Sandbox sandbox, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(List.of(command), environment, sandbox.paths().work()));
        process.stdin().close();
        String stdout = new String(process.stdout().readAllBytes(), StandardCharsets.UTF_8);
        String stderr = new String(process.stderr().readAllBytes(), StandardCharsets.UTF_8);
        return new Output(process.await(), stdout, stderr);
    }

    static Output shell(Sandbox sandbox, String script) throws IOException, InterruptedException {
        return run(sandbox, Map.of(), "/bin/sh", "-c", script);
    }

    @Override
    public void close() {
        backend.close();
        remove(root);
    }
}
