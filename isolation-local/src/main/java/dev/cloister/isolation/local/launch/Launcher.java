package dev.cloister.isolation.local.launch;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Turns launch plans into processes through the native launcher. Owns the run root: the launcher's program and socket stand in
 * it, the base of new roots, and a {@link Share} for each sandbox. Thread-safe.
 */
public final class Launcher implements AutoCloseable {

    private final Path runRoot;
    private final Path program;
    private final ControlSocket control;
    private final Spawner spawner = new Spawner();

    private Launcher(Path runRoot, Path program, ControlSocket control) {
        this.runRoot = runRoot;
        this.program = program;
        this.control = control;
    }

    /**
     * Takes the run root into use and removes what an earlier server left in it.
     *
     * @throws IsolationException if there is no launcher for this machine or the run root cannot be used
     */
    public static Launcher open(Path runRoot) {
        try {
            sweep(runRoot);
            Path base = Files.createDirectory(runRoot.resolve("root"));
            // Tenants' uids mount their root here, each in a namespace of its own; in the host's it stays empty.
            Files.setPosixFilePermissions(base, PosixFilePermissions.fromString("rwxr-xr-x"));
            Path program = unpack("cloister-launch", runRoot);
            return new Launcher(runRoot, program, ControlSocket.open(runRoot.resolve("control")));
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the run directory cannot be used",
                            e.toString(),
                            "Check the owner and the mode of " + runRoot
                                    + ", that programs may run there, and that its path has at most 70 bytes."),
                    e);
        }
    }

    /**
     * Writes one of the native programs, built for this architecture, into a directory. The caller owns the file.
     *
     * @throws IsolationException if this build has none for this architecture
     */
    public static Path unpack(String name, Path directory) throws IOException {
        String resource =
                "/dev/cloister/launcher/" + System.getProperty("os.arch").toLowerCase(Locale.ROOT) + "/" + name;
        try (InputStream in = Launcher.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IsolationException(new Finding(
                        "this build has no native launcher for this processor architecture",
                        "there is no " + resource + " in it",
                        "Build Cloister on a machine of this architecture (x86-64 or arm64)."));
            }
            Path file = Files.createFile(
                    directory.resolve(name),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.write(file, in.readAllBytes());
            return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r-x------"));
        }
    }

    private static void sweep(Path runRoot) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(runRoot)) {
            for (Path entry : entries) {
                Share.delete(entry);
            }
        }
    }

    /** Where the new roots of plans are mounted. */
    public Path base() {
        return runRoot.resolve("root");
    }

    /** A new share of a sandbox whose processes have the group {@code gid}. */
    public Share share(long gid, boolean ownUid) {
        return Share.make(runRoot, gid, ownUid);
    }

    /**
     * Starts a process. Returns when every layer of the plan stands and the command was handed over to.
     *
     * @param abandoned see {@link LaunchedProcess}
     * @param judged see {@link LaunchedProcess}
     * @throws IsolationException if a layer could not be applied; then nothing of the command ran
     */
    public LaunchedProcess launch(LaunchPlan plan, Runnable abandoned, UnaryOperator<ExitStatus> judged) {
        Report report = control.expect(Arguments.environmentBlock(plan));
        try {
            List<String> reporting = List.of("--control", control.path().toString(), "--id", report.id());
            ChildProcess launcher = spawner.spawn(Arguments.of(program, reporting, plan));
            return Launching.seen(launcher, report, abandoned, judged);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a process could not be started", e.toString(), "Check the host's limits on processes."),
                    e);
        } finally {
            control.forget(report);
        }
    }

    /** The command line that applies a plan without a server; the environment stands on it, so nothing secret may be in it. */
    public List<String> commandLine(LaunchPlan plan) {
        List<String> environment = plan.environment().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .flatMap(variable -> Stream.of("--setenv", variable.getKey() + "=" + variable.getValue()))
                .toList();
        return Arguments.of(program, environment, plan);
    }

    /** What the end of the server's process does to it: nothing is tidied up. */
    public void die() {
        spawner.close();
        control.close();
    }

    @Override
    public void close() {
        die();
        try {
            sweep(runRoot);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
