package dev.cloister.core.isolation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.TestWorkspaces;
import dev.cloister.core.workspace.Workspace;
import dev.cloister.core.workspace.WorkspaceRoot;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On real directories: a test makes them wrong in the ways that a mistake or an intruder would. */
class SweepTest {
    private static final Duration OFTEN = Duration.ofMillis(20);

    @TempDir
    Path directory;

    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final AtomicInteger looks = new AtomicInteger();
    private WorkspaceRoot root;
    private Tenant tenant;
    private Workspace workspace;
    private Sweep sweep;

    @BeforeEach
    void start() throws IOException {
        root = TestWorkspaces.in(directory);
        tenant = new Tenant(new TenantId("a".repeat(32)), "", TestWorkspaces.tenantUid(), true, 1);
        Tenant absent = new Tenant(new TenantId("b".repeat(32)), "", TestWorkspaces.tenantUid(), true, 1);
        workspace = root.open(tenant.id(), tenant.uid());
        Violations violations = new Violations(
                (actor, action, detail) -> seen.add(actor + " " + detail.get("guarantee") + " " + detail.get("what")),
                new Metrics(new SimpleMeterRegistry()),
                "directories");
        sweep = Sweep.start(
                root,
                () -> {
                    looks.incrementAndGet();
                    return List.of(tenant, absent);
                },
                violations,
                OFTEN);
    }

    @AfterEach
    void stop() {
        sweep.close();
        root.close();
    }

    private void twoMoreLooks() throws Exception {
        int now = looks.get();
        Eventually.holds("two more looks", () -> looks.get() > now + 2);
    }

    private static void mode(Path path, String mode) throws IOException {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    }

    @Test
    void aModeThatIsWrongIsSeenOnceAndAgainWhenItComesBack() throws Exception {
        twoMoreLooks();
        assertThat(seen).isEmpty();

        mode(workspace.home(), "rwxr-x---");
        twoMoreLooks();
        String found =
                tenant.id() + " FILES_OF_OTHERS_UNREADABLE found by the sweep: home has mode 0750 instead of 0700";
        assertThat(seen).containsExactly(found);

        mode(workspace.home(), "rwx------");
        twoMoreLooks();
        mode(workspace.home(), "rwxr-x---");
        twoMoreLooks();
        assertThat(seen).containsExactly(found, found);
    }

    @Test
    void aLinkInThePlaceOfADirectoryIsSeenAndNotFollowed() throws Exception {
        Files.delete(workspace.work());
        Files.createSymbolicLink(workspace.work(), Path.of("/"));
        twoMoreLooks();
        assertThat(seen).hasSize(1).first().asString().endsWith("found by the sweep: work is a symbolic link");
    }

    @Test
    void theTreeItselfIsLookedAtAndWhatAllTreesStandIn() throws Exception {
        mode(workspace.root(), "rwxrwxrwx");
        mode(directory.resolve("workspaces/staging"), "rwxr-xr-x");
        twoMoreLooks();
        assertThat(seen)
                .hasSize(2)
                .anyMatch(one -> one.endsWith("the tree has mode 0777 instead of 0700"))
                .anyMatch(one -> one.startsWith("server ") && one.contains("staging"));
    }

    /** A tenant may remove its own directories; they are made again when it comes back. */
    @Test
    void whatIsMissingIsNoFault() throws Exception {
        Files.delete(workspace.work());
        twoMoreLooks();
        assertThat(seen).isEmpty();
    }
}
