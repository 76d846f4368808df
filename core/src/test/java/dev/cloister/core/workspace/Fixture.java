package dev.cloister.core.workspace;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.sandbox.UsageBooks;
import dev.cloister.core.sandbox.WorkspaceService;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.FakeBackend;
import dev.cloister.core.testing.HostProcess;
import dev.cloister.core.testing.ManualTimer;
import dev.cloister.core.testing.TestWorkspaces;
import dev.cloister.spi.Guarantee;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Stream;

/** A workspaces' directory with one tenant, made as the server's own uid allows, and what was reported about it. */
final class Fixture {
    static final long SERVER_UID = serverUid();

    /** As root the tenant has a uid of its own, as on a real host; an ordinary user has only its own to give. */
    static final long TENANT_UID = isRoot() ? TestWorkspaces.ROOTS_TENANT : SERVER_UID;

    static final TenantId TENANT = new TenantId("0123456789abcdef0123456789abcdef");

    record Refusal(TenantId tenant, Guarantee guarantee, String what) {}

    final Queue<Refusal> refusals = new ConcurrentLinkedQueue<>();
    final Path outside;
    final Path workspaces;
    final WorkspaceRoot root;
    final Workspace workspace;
    final WorkspaceFiles files;
    /** The tenant's work as its own processes see it. */
    private final Path work;

    /** With the server's own hands in the tenant's tree. */
    Fixture(Path temporary) throws IOException {
        this(temporary, false);
    }

    /** With programs of a sandbox instead, whose tree is not where the server's hands would look for it. */
    static Fixture inSandbox(Path temporary) throws IOException {
        return new Fixture(temporary, true);
    }

    private Fixture(Path temporary, boolean inSandbox) throws IOException {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwx--x--x"));
        outside = Files.createDirectory(temporary.resolve("outside"));
        workspaces = temporary.resolve("workspaces");
        root = inSandbox ? keptInDisks(workspaces) : root(workspaces);
        root.prepare();
        workspace = root.open(TENANT, TENANT_UID);
        if (inSandbox) {
            Path kept = Files.createDirectory(temporary.resolve("kept"));
            work = tenants(Files.createDirectory(kept.resolve("work")));
            files = filesInSandbox(root, FakeBackend.keeping(kept, temporary, HostProcess::start));
        } else {
            work = workspace.work();
            files = root.files(workspace);
        }
    }

    static WorkspaceFiles filesInSandbox(WorkspaceRoot root, FakeBackend backend) {
        return service(root, backend, new ManualTimer()).files(new Tenant(TENANT, "", TENANT_UID, true, 1));
    }

    static WorkspaceService service(WorkspaceRoot root, FakeBackend backend, ScheduledExecutorService timer) {
        Metrics metrics = new Metrics(new SimpleMeterRegistry());
        Violations violations = new Violations((actor, action, detail) -> {}, metrics, "microvm");
        UsageBooks books = new UsageBooks(metrics, (who, used) -> {}, violations);
        Sandboxes sandboxes = new Sandboxes(root, backend, metrics, books, Optional.empty(), false);
        Quota quota = new Quota("commands", 10, 10, Quota.Queue.NONE);
        return new WorkspaceService(root, sandboxes, quota, timer, Duration.ofMinutes(1));
    }

    WorkspaceRoot keptInDisks(Path directory) {
        return WorkspaceRoot.keptInDisks(
                directory, SERVER_UID, (tenant, guarantee, what) -> refusals.add(new Refusal(tenant, guarantee, what)));
    }

    WorkspaceRoot root(Path directory) {
        return new WorkspaceRoot(
                directory, SERVER_UID, (tenant, guarantee, what) -> refusals.add(new Refusal(tenant, guarantee, what)));
    }

    /** Also the condition of the tests that need uids other than their own. */
    static boolean isRoot() {
        return SERVER_UID == 0;
    }

    private static long serverUid() {
        try {
            return Integer.toUnsignedLong((Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static List<String> path(String text) {
        return WorkspaceFiles.components(text, 4096);
    }

    boolean write(String path, String content) throws IOException {
        return files.write(path(path), stream(content), 1 << 20, false);
    }

    String read(String path) throws IOException {
        try (WorkspaceFiles.Content content = files.read(path(path))) {
            return new String(content.bytes().readAllBytes(), UTF_8);
        }
    }

    static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(UTF_8));
    }

    /** Where the tenant's own processes see a path of its work directory. */
    Path work(String path) {
        return work.resolve(path);
    }

    /** Makes something that was put into the tree by hand the tenant's, as if one of its processes had made it. */
    static Path tenants(Path path) throws IOException {
        if (isRoot()) {
            own(path, TENANT_UID);
        }
        return path;
    }

    /** The same of all that is below. */
    static void tenantsWhole(Path path) throws IOException {
        if (isRoot()) {
            run("chown", "-hR", TENANT_UID + ":" + TENANT_UID, path.toString());
        }
    }

    static void own(Path path, long uid) throws IOException {
        Files.setAttribute(path, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(path, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
    }

    static int mode(Path path) throws IOException {
        return Inode.read(path, LinkOption.NOFOLLOW_LINKS).mode();
    }

    static long uid(Path path) throws IOException {
        return Inode.read(path, LinkOption.NOFOLLOW_LINKS).uid();
    }

    /** What is left of things on their way. */
    List<String> staged() throws IOException {
        try (var names = Files.list(workspaces.resolve("staging"));
                var beside = Files.exists(work) ? Files.list(work) : Stream.<Path>empty()) {
            return Stream.concat(
                            names.map(name -> name.getFileName().toString()),
                            beside.map(name -> name.getFileName().toString())
                                    .filter(name -> name.startsWith(".cloister")))
                    .toList();
        }
    }

    static void run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        try {
            int exit = process.waitFor();
            if (exit != 0) {
                throw new IOException(Arrays.toString(command) + " ended with " + exit + ": " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    static int openDescriptors() throws IOException {
        try (var descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return (int) descriptors.count();
        }
    }
}
