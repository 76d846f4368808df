package dev.cloister.cli.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.sandbox.UsageBooks;
import dev.cloister.core.sandbox.WorkspaceService;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.WorkspaceFiles.Content;
import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Files reached through real sandboxes, of a mode that says that it keeps them: in trees that the server does not know. */
@Timeout(300)
class KeptFilesTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(1L << 30, 1, 512, 64 << 20, 1024);
    private static final TenantId TENANT = new TenantId("a".repeat(32));

    @TempDir
    Path temporary;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

    @AfterEach
    void stopTheTimer() {
        timer.shutdownNow();
    }

    /** Makes sandboxes of another tree than the one that it is told. */
    private record Keeping(IsolationBackend behind, Path tree) implements IsolationBackend {
        @Override
        public boolean keepsFiles() {
            return true;
        }

        @Override
        public Sandbox prepare(SandboxSpec spec) {
            return behind.prepare(new SandboxSpec(
                    spec.name(), spec.uid(), tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp")));
        }

        @Override
        public Optional<Sandbox> recover(SandboxRef ref) {
            return behind.recover(ref);
        }

        @Override
        public void close() {
            behind.close();
        }
    }

    private Path walkable(String name) throws IOException {
        Path directory = Files.createDirectory(temporary.resolve(name));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        return directory;
    }

    private Path tree(long uid) throws IOException {
        Path tree = temporary.resolve("kept");
        for (Path each : List.of(tree, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"))) {
            Files.createDirectory(each);
            Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwx------"));
            if (HostFacts.uid() == 0) {
                Files.setAttribute(each, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(each, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
            }
        }
        return tree;
    }

    @ParameterizedTest
    @EnumSource(names = {"DIRECTORIES", "NAMESPACES"})
    void filesAndArchivesGoThroughTheSandbox(IsolationMode mode) throws IOException {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwx--x--x"));
        Host host =
                HostFacts.host(1_600_000_000L + ProcessHandle.current().pid() % 90_000 * 1_000, walkable("scratch"));
        IsolationConfig config =
                new IsolationConfig(walkable("run"), List.of(), LIMITS, Optional.empty(), walkable("jails"));
        Tenant tenant = new Tenant(TENANT, "", host.isRoot() ? host.probeUids() : host.serverUid(), true, 1);
        WorkspaceRoot root = WorkspaceRoot.keptInDisks(
                temporary.resolve("workspaces"), host.serverUid(), (who, guarantee, what) -> {});
        root.prepare();
        IsolationProvider provider = IsolationChoice.strongestFirst().stream()
                .filter(each -> each.mode() == mode)
                .findFirst()
                .orElseThrow();
        Metrics metrics = new Metrics(new SimpleMeterRegistry());
        UsageBooks books = new UsageBooks(
                metrics, (who, used) -> {}, new Violations((actor, action, detail) -> {}, metrics, mode.id()));
        try (Sandboxes sandboxes = new Sandboxes(
                root,
                new Keeping(provider.open(config, host), tree(tenant.uid())),
                metrics,
                books,
                Optional.empty(),
                false)) {
            useFiles(
                    tenant,
                    new WorkspaceService(
                            root,
                            sandboxes,
                            new Quota("commands", 4, 4, Quota.Queue.NONE),
                            timer,
                            Duration.ofMinutes(2)));
            assertThat(metrics.activeWorkspaces()).hasValue(0);
        } finally {
            books.close();
        }
        try (var names = Files.list(temporary.resolve("workspaces").resolve(TENANT + "/work"))) {
            assertThat(names).isEmpty();
        }
        assertThat(temporary.resolve("kept/work/copy/a/file")).hasContent("content");
    }

    private static void useFiles(Tenant tenant, WorkspaceService workspaces) throws IOException {
        WorkspaceFiles files = workspaces.files(tenant);
        assertThat(files.write(List.of("in", "a", "file"), stream("content"), 7, true))
                .isTrue();
        assertThat(files.list(List.of("in", "a"), 5)).singleElement().satisfies(entry -> {
            assertThat(entry.name()).isEqualTo("file");
            assertThat(entry.executable()).isTrue();
        });
        try (Content content = files.read(List.of("in", "a", "file"))) {
            assertThat(content.bytes()).hasContent("content");
        }
        try (InputStream tar = workspaces.tarDown(tenant, List.of("in"))) {
            workspaces.tarUp(tenant, List.of("copy"), tar, 1 << 20);
        }
        files.delete(List.of("in"));
        assertThat(files.list(List.of(), 5)).extracting(Entry::name).containsExactly("copy");
        assertThatThrownBy(() -> files.target(List.of("in")))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }
}
