package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The directory of all tenants' trees: {@code <tenant>/{work,home,tmp}}, each 0700 and the tenant's own.
 *
 * <p>The server owns the directory itself and {@code staging} in it, so only there are paths safe to use. Everything below
 * a tenant's directory is the tenant's, who may swap links, FIFOs and directories at any moment: there the server goes by
 * {@link Handle}s only and follows no link. Thread-safe.
 */
public final class WorkspaceRoot {
    static final Path WORK = Path.of("work");
    private static final Path TMP = Path.of("tmp");
    private static final List<String> CHILDREN = List.of("work", "home", "tmp");

    private final Path root;
    private final long serverUid;
    private final Refusals refusals;
    private final Staging staging;

    /**
     * @param serverUid the server's own effective uid; 0 gives each tenant its own
     */
    public WorkspaceRoot(Path workspaces, long serverUid, Refusals refusals) {
        this.root = workspaces.toAbsolutePath().normalize();
        this.serverUid = serverUid;
        this.refusals = refusals;
        this.staging = new Staging(root.resolve("staging"), serverUid);
    }

    /**
     * Makes the directory of all trees where it is missing, and checks it and all above it.
     *
     * @throws CloisterException ISOLATION_FAILED, naming the directory that is wrong and the remedy
     */
    public static void requireSafe(Path workspaces, long serverUid) {
        Path root = workspaces.toAbsolutePath().normalize();
        try {
            RootChecks checks = new RootChecks(serverUid);
            checks.require(root, serverUid == 0 ? 0711 : 0700);
            checks.require(root.resolve("staging"), 0700);
            checks.requireWayTo(root);
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * {@linkplain #requireSafe Checks} the directory and sweeps what a crash left in staging. Call it once before anything
     * else, while no other server uses the directory.
     *
     * @throws CloisterException ISOLATION_FAILED, naming the directory that is wrong and the remedy
     */
    public void prepare() {
        requireSafe(root, serverUid);
        try {
            staging.sweep();
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * A tenant's tree, made if there is none, and checked: each of its four directories is no link, is the tenant's and has
     * mode 0700. A directory that the tenant removed is made again.
     *
     * @param uid the tenant's own if the server is root, else the server's
     * @throws CloisterException ISOLATION_FAILED if something is wrong with it; reported as a refusal before
     */
    public Workspace open(TenantId tenant, long uid) {
        if (serverUid != 0 && uid != serverUid) {
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED,
                    "the server runs as uid " + serverUid + " and cannot keep files as uid " + uid
                            + "; run it as root to give tenants their own");
        }
        Path tree = root.resolve(tenant.value());
        Workspace workspace =
                new Workspace(tenant, uid, tree, tree.resolve("work"), tree.resolve("home"), tree.resolve("tmp"));
        try (Handle held = treeOf(workspace)) {
            for (String child : CHILDREN) {
                childOf(held, workspace, Path.of(child)).close();
            }
            return workspace;
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /** Deletes a tenant's tree for ever. Returns false if there was none. */
    public boolean delete(TenantId tenant) {
        try (Handle here = Handle.ofOwn(root)) {
            Path name = Path.of(tenant.value());
            if (here.inode(name) == null) {
                return false;
            }
            purge().delete(here, name);
            return true;
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * Removes what stands in a tenant's {@code tmp}: temporary directories of processes that could not tidy up, because they
     * were killed. Only while nothing of the tenant runs. Each is out of the tenant's tree even if deleting it fails.
     *
     * @throws CloisterException if something could not be deleted
     */
    public void clearTemporary(Workspace workspace) {
        try (Handle tree = treeOf(workspace);
                Handle tmp = childOf(tree, workspace, TMP);
                DirectoryStream<Path> names = tmp.names()) {
            for (Path path : names) {
                purge().delete(tmp, path.getFileName());
            }
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /** Access to the files in a tenant's {@code work}. */
    public WorkspaceFiles files(Workspace workspace) {
        return new SecureWorkspaceFiles(workspace, this);
    }

    /** The tenant's {@code work}, checked; the caller closes it. */
    Handle work(Workspace workspace) throws IOException {
        try (Handle tree = treeOf(workspace)) {
            return childOf(tree, workspace, WORK);
        }
    }

    Staging staging() {
        return staging;
    }

    Purge purge() {
        return new Purge(staging, serverUid);
    }

    void report(Workspace workspace, Guarantee guarantee, String what) {
        refusals.refused(workspace.tenant(), guarantee, what);
    }

    private Handle treeOf(Workspace workspace) throws IOException {
        Path name = Path.of(workspace.tenant().value());
        try (Handle here = Handle.ofOwn(root)) {
            Handle found = here.child(name);
            if (found == null) {
                put(here, name, staging.treeFor(workspace.uid(), CHILDREN));
                found = here.child(name);
            }
            return checked(found, workspace, workspace.root());
        }
    }

    private Handle childOf(Handle tree, Workspace workspace, Path name) throws IOException {
        Handle found = tree.child(name);
        if (found == null) {
            put(tree, name, staging.directoryFor(workspace.uid()));
            found = tree.child(name);
        }
        return checked(found, workspace, workspace.root().resolve(name));
    }

    /** Renames something staged into place. If something stands there by now, that stays, and is checked like any other. */
    private void put(Handle directory, Path name, Path staged) throws IOException {
        try (Handle here = staging.hold()) {
            int answer = here.move(staged, directory, name);
            if (answer < 0) {
                purge().delete(here, staged);
                if (answer != -Posix.ENOTEMPTY && answer != -Posix.EEXIST && answer != -Posix.ENOTDIR) {
                    throw Failures.of(answer);
                }
            }
        }
    }

    /** Passes a handle on if what it holds is the tenant's private directory; else closes it, reports and refuses. */
    private Handle checked(@Nullable Handle found, Workspace workspace, Path shown) throws IOException {
        if (found == null) {
            throw Failures.conflict("the workspace is being deleted or replaced; try again");
        }
        boolean good = false;
        try {
            Optional<Wrong> wrong = wrong(found.inode(), workspace.uid(), shown);
            if (wrong.isPresent()) {
                report(
                        workspace,
                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                        wrong.get().what());
                throw new CloisterException(
                        ErrorCode.ISOLATION_FAILED,
                        shown + " " + wrong.get().what() + "; the operator should find out who changed it, then: "
                                + wrong.get().remedy());
            }
            good = true;
            return found;
        } finally {
            if (!good) {
                found.close();
            }
        }
    }

    private record Wrong(String what, String remedy) {}

    private static Optional<Wrong> wrong(Inode inode, long uid, Path shown) {
        if (inode.kind() == Kind.LINK) {
            return Optional.of(new Wrong("is a symbolic link", "rm " + shown));
        }
        if (inode.kind() != Kind.DIRECTORY) {
            return Optional.of(new Wrong("is not a directory", "rm " + shown));
        }
        if (inode.uid() != uid) {
            return Optional.of(new Wrong(
                    "belongs to uid " + inode.uid() + " instead of " + uid,
                    "chown -h " + uid + ":" + uid + " " + shown));
        }
        if (inode.mode() != Staging.DIRECTORY_MODE) {
            return Optional.of(
                    new Wrong(String.format("has mode %04o instead of 0700", inode.mode()), "chmod 00700 " + shown));
        }
        return Optional.empty();
    }
}
