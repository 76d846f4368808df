package dev.cloister.isolation.local.launch;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Turns launch plans into processes. Owns the run root: the supervisor's script stands in it, and a {@link Share} for each
 * launch. Thread-safe.
 */
public final class Launcher implements AutoCloseable {
    private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
    private static final Path PERL = Path.of("/usr/bin/perl");
    /** The number of prctl(2), by architecture as the JVM names it. */
    private static final Map<String, Integer> PRCTL = Map.of("amd64", 157, "aarch64", 167);

    private final Path runRoot;
    private final boolean ownUids;
    private final LaunchPlan.Tools tools;
    private final Spawner spawner;

    private Launcher(Path runRoot, boolean ownUids, LaunchPlan.Tools tools) {
        this.runRoot = runRoot;
        this.ownUids = ownUids;
        this.tools = tools;
        this.spawner = new Spawner();
    }

    /**
     * Takes the run root into use and removes what an earlier server left in it.
     *
     * @param ownUids whether each sandbox has a uid that is its tenant's alone
     * @throws IsolationException if a program is missing or the run root cannot be used
     */
    public static Launcher open(Path runRoot, boolean ownUids) {
        Integer prctl = PRCTL.get(System.getProperty("os.arch").toLowerCase(Locale.ROOT));
        if (prctl == null) {
            throw new IsolationException(new Finding(
                    "this processor architecture is not supported",
                    System.getProperty("os.arch"),
                    "Run Cloister on x86-64 or arm64."));
        }
        requireProgram(SETPRIV, "util-linux");
        requireProgram(PERL, "perl-base");
        try {
            sweep(runRoot);
            Path supervisor = runRoot.resolve("supervise.pl");
            Files.deleteIfExists(supervisor);
            Files.createFile(
                    supervisor, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(supervisor, script());
            Files.setPosixFilePermissions(supervisor, PosixFilePermissions.fromString("rw-r--r--"));
            return new Launcher(runRoot, ownUids, new LaunchPlan.Tools(SETPRIV, PERL, supervisor, prctl));
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the run directory cannot be used",
                            e.toString(),
                            "Check the owner and the mode of " + runRoot + "."),
                    e);
        }
    }

    private static void requireProgram(Path program, String debianPackage) {
        if (!Files.isExecutable(program)) {
            throw new IsolationException(new Finding(
                    program + " is missing", "there is no such program", "apt-get install " + debianPackage));
        }
    }

    private static void sweep(Path runRoot) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(runRoot, Files::isDirectory)) {
            for (Path entry : entries) {
                Share.delete(entry);
            }
        }
    }

    private static byte[] script() throws IOException {
        try (InputStream in = Launcher.class.getResourceAsStream("supervise.pl")) {
            if (in == null) {
                throw new IllegalStateException("the supervisor is missing from the jar");
            }
            return in.readAllBytes();
        }
    }

    public boolean ownUids() {
        return ownUids;
    }

    /** A new share for a sandbox's tenant. */
    public Share share(SandboxSpec sandbox) {
        return Share.make(runRoot, sandbox.uid(), ownUids);
    }

    /**
     * Starts a process in directories mode.
     *
     * @param others the other processes of the sandbox, spared when this one's supervisor was killed and the uid is swept
     */
    public SupervisedProcess launch(SandboxSpec sandbox, ProcessSpec process, Supplier<Set<Long>> others) {
        Share share = share(sandbox);
        try {
            Path tmp = sandbox.tmp().resolve(share.host().getFileName());
            LaunchPlan plan = LaunchPlan.directories(
                    tools, sandbox, process, ownUids, ProcessHandle.current().pid(), share.host(), tmp);
            share.publish("env", plan.environmentBlock());
            share.publishWritable("status");
            Process supervisor = spawner.spawn(plan.argv());
            return new SupervisedProcess(
                    supervisor,
                    share.host().resolve("status"),
                    () -> sweepUid(sandbox.uid(), others.get()),
                    share::close);
        } catch (IOException e) {
            share.close();
            throw new IsolationException(
                    new Finding(
                            "a process could not be started", e.toString(), "Check the host's limits on processes."),
                    e);
        } catch (UncheckedIOException e) {
            share.close();
            throw e;
        }
    }

    /**
     * Kills every process of a uid that is a tenant's alone, but those that descend from {@code spared}. Does nothing where
     * the tenants share the server's uid: there nobody could say whose a process is.
     */
    public void sweepUid(long uid, Set<Long> spared) {
        if (!ownUids) {
            return;
        }
        for (int round = 0; round < 500; round++) {
            try {
                ProcessTable table = ProcessTable.read();
                Set<Long> kept = table.trees(spared);
                boolean none = true;
                for (long pid : table.ofUid(uid)) {
                    if (!kept.contains(pid)) {
                        none = false;
                        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
                    }
                }
                if (none) {
                    return;
                }
                Thread.sleep(5);
            } catch (IOException e) {
                throw new UncheckedIOException("the process table could not be read", e);
            } catch (InterruptedException e) {
                // A sweep that stops half-way leaves processes behind.
                Thread.currentThread().interrupt();
                return;
            }
        }
        throw new IsolationException(new Finding(
                "processes of a tenant could not be ended",
                "uid " + uid + " kept starting new ones through 500 rounds of kills",
                "End them by hand: pkill -KILL -U " + uid));
    }

    @Override
    public void close() {
        spawner.close();
    }
}
