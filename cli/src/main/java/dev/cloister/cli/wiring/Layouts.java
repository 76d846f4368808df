package dev.cloister.cli.wiring;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.WorkspaceLayout;
import dev.cloister.core.workspace.WorkspaceMigration;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Whether an installation's data can be served in a mode as it is. */
final class Layouts {
    static final String SETTING = "isolation.layout";

    private Layouts() {}

    /** The layout of the data; before there was a setting for it, there was one layout. */
    static WorkspaceLayout of(Store store) {
        return store.setting(SETTING).flatMap(WorkspaceLayout::of).orElse(WorkspaceLayout.HOST_PATHS);
    }

    /**
     * Requires that tenants' sessions go on in the mode, and that each tenant has a uid of its own where the server can give
     * one. What has no data yet takes the mode's layout.
     *
     * @throws CloisterException ISOLATION_FAILED saying what the operator can do
     */
    static void require(Store store, IsolationMode mode, Path workspaces, long serverUid) {
        List<Tenant> tenants = store.tenants();
        WorkspaceLayout wanted = WorkspaceLayout.of(mode);
        if (tenants.isEmpty() || (store.setting(SETTING).isEmpty() && !anyTree(tenants, workspaces))) {
            store.putSetting(SETTING, wanted.id());
        }
        WorkspaceLayout found = of(store);
        if (found != wanted) {
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED,
                    "the tenants' sessions were made in another isolation mode and would not go on in mode " + mode.id()
                            + ": run `cloister migrate --to " + mode.id()
                            + "` with the options of this server, or start it with"
                            + " --isolation " + found.usualMode().id());
        }
        store.putSetting(SETTING, found.id());
        if (serverUid == 0 && sharesUids(tenants)) {
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED,
                    "several tenants have one uid, because this installation was made by an ordinary user: run `cloister"
                            + " migrate --to " + mode.id() + "` as root, which gives each its own");
        }
    }

    private static boolean anyTree(List<Tenant> tenants, Path workspaces) {
        WorkspaceMigration trees = new WorkspaceMigration(workspaces);
        return tenants.stream().anyMatch(tenant -> trees.hasTree(tenant.id()));
    }

    private static boolean sharesUids(List<Tenant> tenants) {
        Set<Long> seen = new HashSet<>();
        return tenants.stream().anyMatch(tenant -> !seen.add(tenant.uid()));
    }
}
