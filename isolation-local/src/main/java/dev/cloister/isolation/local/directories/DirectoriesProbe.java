package dev.cloister.isolation.local.directories;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds out what directories mode holds on a host by letting one throw-away sandbox attack another through the very classes
 * that run tenants. Each attack is first made by the owner: one that its owner cannot make proves nothing.
 */
final class DirectoriesProbe implements AutoCloseable {
    private static final String ATTACKS = """
            cat "$1/secret" >/dev/null 2>&1 && echo FILES_OF_OTHERS_UNREADABLE
            ( : > "$1/planted" ) 2>/dev/null && echo FILES_OF_OTHERS_UNWRITABLE
            cat "/proc/$2/environ" >/dev/null 2>&1 && echo ENVIRONMENT_OF_OTHERS_UNREADABLE
            kill -0 "$2" 2>/dev/null && echo PROCESSES_OF_OTHERS_UNTOUCHABLE
            cat "$3" >/dev/null 2>&1 && echo SERVER_STATE_UNREADABLE
            true
            """;

    private final Host host;
    private final Path root;
    private final DirectoriesBackend backend;

    private DirectoriesProbe(Host host, Path root, DirectoriesBackend backend) {
        this.host = host;
        this.root = root;
        this.backend = backend;
    }

    /** @throws IsolationException if the mode cannot even start a process */
    static Set<Guarantee> run(IsolationConfig config, Host host) {
        try {
            Path root = Files.createTempDirectory(host.scratch(), "probe");
            Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx--x--x"));
            Path run = Files.createDirectory(root.resolve("run"));
            Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx--x--x"));
            try (DirectoriesProbe probe =
                    new DirectoriesProbe(host, root, new DirectoriesBackend(config.withRunRoot(run), host.isRoot()))) {
                return probe.probe();
            }
        } catch (IOException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(e);
        }
    }

    private static IsolationException failed(Exception e) {
        return new IsolationException(
                new Finding(
                        "directories mode could not be probed", e.toString(), "Check the server's scratch directory."),
                e);
    }

    private Set<Guarantee> probe() throws IOException, InterruptedException {
        Sandbox victim = sandbox("a", host.isRoot() ? host.probeUids() : host.serverUid());
        Sandbox attacker = sandbox("b", host.isRoot() ? host.probeUids() + 1 : host.serverUid());
        shell(victim, ": > \"$HOME/secret\"", List.of());
        Path state = root.resolve("state");
        Files.createFile(state, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));

        Set<Guarantee> held = EnumSet.noneOf(Guarantee.class);
        SandboxProcess sleeper = victim.launch(new ProcessSpec(List.of("/bin/sleep", "60"), Map.of(), "/"));
        try {
            long pid = childOf(sleeper);
            List<String> arguments = List.of(victim.paths().home(), Long.toString(pid), state.toString());
            Set<Guarantee> byOwner = guarantees(shell(victim, ATTACKS, arguments));
            Set<Guarantee> byOther = guarantees(shell(attacker, ATTACKS, arguments));
            byOwner.add(Guarantee.SERVER_STATE_UNREADABLE);
            byOwner.removeAll(byOther);
            held.addAll(byOwner);
            if (!host.isRoot()) {
                held.remove(Guarantee.SERVER_STATE_UNREADABLE);
            }
        } finally {
            sleeper.terminate(Duration.ZERO);
        }

        String privileges =
                shell(attacker, "grep -E '^(NoNewPrivs|CapEff|CapPrm|CapInh|CapAmb)' /proc/self/status", List.of());
        if (privileges.contains("NoNewPrivs:\t1")
                && privileges
                        .lines()
                        .filter(line -> line.startsWith("Cap"))
                        .allMatch(line -> line.endsWith("\t0000000000000000"))) {
            held.add(Guarantee.PRIVILEGES_NOT_GAINABLE);
        }
        String orphan = shell(attacker, "setsid sleep 60 >/dev/null 2>&1 & echo $!", List.of())
                .strip();
        if (!orphan.isEmpty() && ProcessHandle.of(Long.parseLong(orphan)).isEmpty()) {
            held.add(Guarantee.PROCESSES_END_WITH_TURN);
        }
        if (endsWithItsServer(attacker)) {
            held.add(Guarantee.PROCESSES_END_WITH_SERVER);
        }
        return held;
    }

    /** A launcher of its own stands for a server; closing it ends the thread whose death the kernel reports. */
    private boolean endsWithItsServer(Sandbox like) throws IOException, InterruptedException {
        Path run = Files.createDirectory(root.resolve("run2"));
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx--x--x"));
        try (MortalServer server = new MortalServer(
                run, host.isRoot(), spec(like.ref().name(), like.ref().uid()))) {
            return server.takesItsProcessesAlong();
        }
    }

    private long childOf(SandboxProcess process) throws InterruptedException {
        for (int attempt = 0; attempt < 500; attempt++) {
            Optional<ProcessHandle> child = ProcessHandle.of(process.pid())
                    .flatMap(supervisor -> supervisor.children().findFirst())
                    .filter(handle -> handle.info().command().orElse("").endsWith("sleep"));
            if (child.isPresent()) {
                return child.get().pid();
            }
            Thread.sleep(5);
        }
        throw new IsolationException(new Finding(
                "a process did not start in a sandbox",
                "`sleep` was not seen within seconds",
                "Check that setpriv and perl work for an unprivileged uid."));
    }

    private Sandbox sandbox(String name, long uid) throws IOException {
        SandboxSpec spec = spec(name, uid);
        for (Path directory : List.of(root.resolve(name), spec.work(), spec.home(), spec.tmp())) {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            if (host.isRoot()) {
                Files.setAttribute(directory, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(directory, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
            }
        }
        return backend.prepare(spec);
    }

    private SandboxSpec spec(String name, long uid) {
        Path tree = root.resolve(name);
        return new SandboxSpec(name, uid, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
    }

    private static String shell(Sandbox sandbox, String script, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = Stream.concat(Stream.of("/bin/sh", "-c", script, "probe"), arguments.stream())
                .toList();
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(command, Map.of(), sandbox.paths().work()));
        process.stdin().close();
        StringBuilder output = new StringBuilder();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.stdout(), StandardCharsets.UTF_8))) {
            lines.lines().forEach(line -> output.append(line).append('\n'));
        }
        if (process.await() instanceof ExitStatus.Exited(int code) && code == 0) {
            return output.toString();
        }
        throw new IsolationException(new Finding(
                "a probe could not run in a sandbox",
                new String(process.stderr().readAllBytes(), StandardCharsets.UTF_8).strip(),
                "Check that setpriv and perl work, and that every uid can walk to "
                        + sandbox.paths().work() + "."));
    }

    private static Set<Guarantee> guarantees(String broken) {
        EnumSet<Guarantee> found = EnumSet.noneOf(Guarantee.class);
        broken.lines().map(Guarantee::valueOf).forEach(found::add);
        return found;
    }

    @Override
    public void close() throws IOException {
        backend.close();
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
