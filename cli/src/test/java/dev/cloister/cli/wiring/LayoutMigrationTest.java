package dev.cloister.cli.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.workspace.TranscriptMove;
import dev.cloister.core.workspace.WorkspaceLayout;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** What a server refuses to start on, and what a migration makes of it; without a server. */
class LayoutMigrationTest {
    private static final long SHARED = 731_500;
    private static final long FIRST = 731_600;

    @TempDir
    private Path directory;

    private CloisterConfig config;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeEach
    void prepare() throws IOException {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        config = ConfigLoader.load(
                Optional.empty(),
                Map.of(),
                Map.of(
                        "data",
                        directory.resolve("d").toString(),
                        "upstream.url",
                        "scripted",
                        "tenants.uid-range",
                        FIRST + "-" + (FIRST + 99)),
                HostFacts.defaults());
        WorkspaceRoot.requireSafe(config.paths().workspaces(), HostFacts.uid());
    }

    private Store store() {
        return DataDirectory.open(config.paths().data()).store();
    }

    private Tenant tenant(Store store, int number, long uid) {
        return store.tenantOf(
                new Fingerprint(Integer.toString(number).repeat(32)), new UidAllocation.Shared(uid), number);
    }

    /** A tenant with a tree, as if a server had served it. */
    private Tenant served(Store store, int number, long uid) {
        Tenant tenant = tenant(store, number, uid);
        new WorkspaceRoot(config.paths().workspaces(), HostFacts.uid(), (who, guarantee, what) -> {})
                .open(tenant.id(), tenant.uid());
        return tenant;
    }

    private void require(Store store, IsolationMode mode) {
        Layouts.require(store, mode, config.paths().workspaces(), HostFacts.uid());
    }

    private LayoutMigration.Report migrate(IsolationMode mode, boolean dryRun) {
        return LayoutMigration.run(config, mode, dryRun, (done, all) -> {});
    }

    private List<AuditEntry> audited() {
        try (Store store = store()) {
            return store.audit(0, 100);
        }
    }

    @Test
    void whatHasNoDataTakesTheLayoutOfItsMode() {
        try (Store store = store()) {
            require(store, IsolationMode.NAMESPACES);
            assertThat(Layouts.of(store)).isEqualTo(WorkspaceLayout.FIXED_PATHS);
            require(store, IsolationMode.DIRECTORIES);
            assertThat(Layouts.of(store)).isEqualTo(WorkspaceLayout.HOST_PATHS);
        }
    }

    @Test
    void aTenantThatWasAddedBeforeTheFirstStartDecidesNothing() {
        try (Store store = store()) {
            tenant(store, 1, HostFacts.uid());
            require(store, IsolationMode.NAMESPACES);
            assertThat(Layouts.of(store)).isEqualTo(WorkspaceLayout.FIXED_PATHS);
        }
    }

    @Test
    void dataOfBeforeThereWasASettingHasPathsOfTheHost() {
        try (Store store = store()) {
            served(store, 1, isRoot() ? SHARED : HostFacts.uid());
            assertThatThrownBy(() -> require(store, IsolationMode.CHROOT))
                    .hasMessageContaining("cloister migrate --to chroot")
                    .hasMessageContaining("--isolation directories");
            assertThatCode(() -> require(store, IsolationMode.DIRECTORIES)).doesNotThrowAnyException();
        }
    }

    @Test
    void aDryRunChangesNothingAndASecondRunFindsNothingToDo() {
        try (Store store = store()) {
            served(store, 1, isRoot() ? FIRST + 5 : HostFacts.uid());
            require(store, IsolationMode.DIRECTORIES);
        }

        assertThat(migrate(IsolationMode.NAMESPACES, true).rows()).hasSize(1);
        assertThat(audited()).isEmpty();
        try (Store store = store()) {
            assertThat(Layouts.of(store)).isEqualTo(WorkspaceLayout.HOST_PATHS);
        }
        migrate(IsolationMode.NAMESPACES, false);
        migrate(IsolationMode.NAMESPACES, false);

        assertThat(audited()).singleElement().satisfies(entry -> {
            assertThat(entry.action()).isEqualTo("installation.migrated");
            assertThat(entry.detail()).contains("\"mode\":\"namespaces\"").contains("\"new_uids\":0");
        });
        try (Store store = store()) {
            assertThatCode(() -> require(store, IsolationMode.NAMESPACES)).doesNotThrowAnyException();
        }
    }

    @Test
    @EnabledIf("isRoot")
    void rootGivesTheTenantsOfAnOrdinaryUserTheirOwnUids() throws IOException {
        Tenant first;
        Tenant second;
        try (Store store = store()) {
            first = served(store, 1, SHARED);
            second = served(store, 2, SHARED);
            assertThatThrownBy(() -> require(store, IsolationMode.DIRECTORIES))
                    .hasMessageContaining("cloister migrate --to directories")
                    .hasMessageContaining("as root");
        }
        assertThat(migrate(IsolationMode.DIRECTORIES, true).rows())
                .allSatisfy(row -> assertThat(row.newUid()).isTrue());
        assertThat(owner(first)).isEqualTo(SHARED);

        // As if cut off: the first has its uid in the store and not yet on the disk.
        try (Store store = store()) {
            store.putSetting("isolation.shared-uid", Long.toString(SHARED));
            store.giveUid(first.id(), new UidAllocation.Range(FIRST + 3, FIRST + 99));
        }
        List<LayoutMigration.Row> rows =
                migrate(IsolationMode.DIRECTORIES, false).rows();

        assertThat(rows)
                .containsExactly(
                        new LayoutMigration.Row(first.id(), FIRST + 3, true, 0, new TranscriptMove.Nothing()),
                        new LayoutMigration.Row(second.id(), FIRST + 4, true, 0, new TranscriptMove.Nothing()));
        assertThat(owner(first)).isEqualTo(FIRST + 3);
        assertThat(owner(second)).isEqualTo(FIRST + 4);
        try (Store store = store()) {
            assertThat(store.tenants()).extracting(Tenant::uid).containsExactly(FIRST + 3, FIRST + 4);
            require(store, IsolationMode.DIRECTORIES);
        }
        assertThat(migrate(IsolationMode.DIRECTORIES, false).rows()).noneMatch(LayoutMigration.Row::changes);
        assertThat(audited()).hasSize(1);
    }

    /** The one uid to which all of a tenant's tree belongs. */
    private long owner(Tenant tenant) throws IOException {
        Path tree = config.paths().workspaces().resolve(tenant.id().value());
        try (Stream<Path> all = Files.walk(tree)) {
            List<Long> uids = all.map(LayoutMigrationTest::uid).distinct().toList();
            assertThat(uids).hasSize(1);
            return uids.getFirst();
        }
    }

    private static long uid(Path path) {
        try {
            return ((Number) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS)).longValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
