package dev.cloister.cli.wiring;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.workspace.TranscriptMove;
import dev.cloister.core.workspace.WorkspaceLayout;
import dev.cloister.core.workspace.WorkspaceMigration;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Makes an installation's data ready to be served in another isolation mode, while no server runs on it. Cut off at any
 * point, it can be run again: files come first, and the setting by which a server starts comes last.
 */
public final class LayoutMigration {
    /** The uid that all tenants had together; kept so that a run that was cut off still knows what is to be changed. */
    private static final String SHARED_UID = "isolation.shared-uid";

    /**
     * One tenant.
     *
     * @param uid the one it has now, or has had before in a dry run
     * @param newUid whether it got, or would get, one of its own
     * @param keptOwner how many of its files keep another owner than the tenant
     */
    public record Row(TenantId tenant, long uid, boolean newUid, long keptOwner, TranscriptMove transcripts) {
        /** Whether anything was, or would be, changed. */
        public boolean changes() {
            return newUid
                    || transcripts instanceof TranscriptMove.Renamed
                    || transcripts instanceof TranscriptMove.Merged;
        }
    }

    /** What was, or would be, done. */
    public record Report(WorkspaceLayout from, WorkspaceLayout to, List<Row> rows) {
        public Report {
            rows = List.copyOf(rows);
        }
    }

    private final CloisterConfig config;
    private final Store store;
    private final Audit audit;
    private final IsolationMode mode;
    private final WorkspaceLayout to;
    private final WorkspaceMigration trees;
    private final long serverUid = HostFacts.uid();

    private LayoutMigration(CloisterConfig config, Store store, Audit audit, IsolationMode mode) {
        this.config = config;
        this.store = store;
        this.audit = audit;
        this.mode = mode;
        this.to = WorkspaceLayout.of(mode);
        this.trees = new WorkspaceMigration(config.paths().workspaces());
    }

    /**
     * @param dryRun change nothing, and report what would be changed
     * @param progress gets after each tenant how many are done, and of how many
     * @throws CloisterException CONFLICT if a server runs on the data; ISOLATION_FAILED if the workspaces' directory is not safe
     */
    public static Report run(
            CloisterConfig config, IsolationMode mode, boolean dryRun, BiConsumer<Integer, Integer> progress) {
        DataDirectory data = DataDirectory.open(config.paths().data());
        try (FileChannel locked = data.lock().channel();
                Store store = data.store()) {
            return new LayoutMigration(config, store, data.audit(store, Clock.systemUTC()), mode).run(dryRun, progress);
        } catch (IOException e) {
            throw new UncheckedIOException("the lock of the data directory could not be given back", e);
        }
    }

    private Report run(boolean dryRun, BiConsumer<Integer, Integer> progress) {
        if (Files.exists(config.paths().workspaces())) {
            WorkspaceRoot.requireSafe(config.paths().workspaces(), serverUid);
        }
        WorkspaceLayout from = Layouts.of(store);
        List<Tenant> tenants = store.tenants();
        Optional<Long> shared = sharedUid(tenants, dryRun);
        List<Row> rows = new ArrayList<>();
        for (Tenant tenant : tenants) {
            rows.add(migrate(tenant, shared, dryRun));
            progress.accept(rows.size(), tenants.size());
        }
        if (!dryRun) {
            finish(from, rows);
        }
        return new Report(from, to, rows);
    }

    /** Whose uid is to be replaced: that of an ordinary user who made the installation, if root has it now. */
    private Optional<Long> sharedUid(List<Tenant> tenants, boolean dryRun) {
        if (serverUid != 0 || tenants.isEmpty()) {
            return Optional.empty();
        }
        Optional<Long> noted = store.setting(SHARED_UID).map(Long::valueOf);
        if (noted.isPresent()) {
            return noted;
        }
        UidRanges range = Uids.of(config, store);
        long first = tenants.getFirst().uid();
        boolean oneForAll = tenants.stream().allMatch(tenant -> tenant.uid() == first);
        boolean foreign = first < range.firstTenant() || first > range.last();
        if (!oneForAll || (tenants.size() == 1 && !foreign)) {
            return Optional.empty();
        }
        if (!dryRun) {
            store.putSetting(SHARED_UID, Long.toString(first));
        }
        return Optional.of(first);
    }

    private Row migrate(Tenant tenant, Optional<Long> shared, boolean dryRun) {
        boolean wantsUid = shared.filter(uid -> uid == tenant.uid()).isPresent();
        boolean wantsTree =
                shared.filter(uid -> trees.owner(tenant.id()) == uid).isPresent();
        if (dryRun) {
            return new Row(
                    tenant.id(),
                    tenant.uid(),
                    wantsUid,
                    0,
                    trees.moveTranscripts(tenant.id(), wantsTree ? shared.orElseThrow() : tenant.uid(), to, true));
        }
        Tenant now = tenant;
        if (wantsUid) {
            UidRanges range = Uids.of(config, store);
            // Before the files: a uid that is taken here is nobody else's, even if this is cut off now.
            now = store.giveUid(tenant.id(), new UidAllocation.Range(range.firstTenant(), range.last()));
        }
        long kept = wantsTree ? trees.give(now.id(), shared.orElseThrow(), now.uid()) : 0;
        return new Row(
                now.id(),
                now.uid(),
                wantsUid || wantsTree,
                kept,
                trees.moveTranscripts(now.id(), now.uid(), to, false));
    }

    private void finish(WorkspaceLayout from, List<Row> rows) {
        long changed = rows.stream().filter(Row::changes).count();
        boolean first = store.setting(Layouts.SETTING).isEmpty();
        store.putSetting(Layouts.SETTING, to.id());
        if (changed > 0 || first || from != to) {
            audit.record(
                    "operator",
                    "installation.migrated",
                    Map.of(
                            "mode", mode.id(),
                            "from", from.id(),
                            "to", to.id(),
                            "tenants", rows.size(),
                            "changed", changed,
                            "skipped",
                                    rows.stream()
                                            .filter(row -> row.transcripts() instanceof TranscriptMove.Skipped)
                                            .count(),
                            "new_uids", rows.stream().filter(Row::newUid).count()));
        }
    }
}
