package dev.cloister.isolation.local.probe;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A place for throw-away tenants below the host's scratch directory. Closing it removes it with all in it. */
final class Site implements AutoCloseable {
    private final Host host;
    private final Path root;
    private final AtomicInteger runRoots = new AtomicInteger();

    private Site(Host host, Path root) {
        this.host = host;
        this.root = root;
    }

    static Site make(Host host) {
        try {
            // A short name: a unix socket's path may have 107 bytes.
            byte[] random = new byte[3];
            new SecureRandom().nextBytes(random);
            Path root = Files.createDirectory(
                    host.scratch().resolve("p" + HexFormat.of().formatHex(random)));
            Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx--x--x"));
            return new Site(host, root);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "nothing can be tried on this host", e.toString(), "Check the server's scratch directory."),
                    e);
        }
    }

    Path root() {
        return root;
    }

    /** A new run root. */
    Path runRoot() throws IOException {
        Path run = Files.createDirectory(root.resolve("r" + runRoots.incrementAndGet()));
        return Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx--x--x"));
    }

    /** A tenant's tree; {@code which} tells tenants apart and is 0 or 1. */
    SandboxSpec tenant(String name, int which) throws IOException {
        long uid = host.isRoot() ? host.probeUids() + which : host.serverUid();
        Path tree = root.resolve(name);
        SandboxSpec spec = new SandboxSpec(name, uid, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
        for (Path directory : List.of(tree, spec.work(), spec.home(), spec.tmp())) {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            if (host.isRoot()) {
                Files.setAttribute(directory, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(directory, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
            }
        }
        return spec;
    }

    /**
     * Reads a process to its end.
     *
     * @throws IsolationException if it did not end with 0
     */
    static String outputOf(SandboxProcess process) throws IOException, InterruptedException {
        process.stdin().close();
        String output = new String(process.stdout().readAllBytes(), StandardCharsets.UTF_8);
        String complaint = new String(process.stderr().readAllBytes(), StandardCharsets.UTF_8).strip();
        ExitStatus status = process.await();
        if (status instanceof ExitStatus.Exited(int code) && code == 0) {
            return output;
        }
        throw new IsolationException(new Finding(
                "a trial command could not run in a sandbox",
                status + (complaint.isEmpty() ? "" : ": " + complaint),
                "Check that /bin/sh works for an unprivileged uid, and that every uid can walk to the server's"
                        + " directories."));
    }

    @Override
    public void close() {
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
