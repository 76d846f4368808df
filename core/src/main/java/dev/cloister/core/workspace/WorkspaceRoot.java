package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Sweep;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The directory of all tenants' trees: {@code <tenant>/{work,home,tmp}}, each 0700 and the tenant's own. With a disk quota
 * {@code <tenant>} is where the tenant's image is mounted: the server's own, and the tenant's group may walk through. In an
 * isolation mode that keeps what tenants have, a file {@code disk} stands beside them, into which the server never looks.
 *
 * <p>The server owns the directory itself and {@code staging} in it, so only there are paths safe to use. Everything below
 * a tenant's directory is the tenant's, who may swap links, FIFOs and directories at any moment: there the server goes by
 * {@link Handle}s only and follows no link. Thread-safe. Close it after all that runs for tenants: it unmounts the images.
 */
public final class WorkspaceRoot implements Sweep.Trees, AutoCloseable {
    static final Path WORK = Path.of("work");
    private static final Path TMP = Path.of("tmp");
    private static final List<String> CHILDREN = List.of("work", "home", "tmp");
    private static final Path DISK = Path.of(SandboxSpec.DISK);

    private final Path root;
    private final long serverUid;
    private final Refusals refusals;
    private final Staging staging;
    /** Whether the isolation mode keeps what tenants have. */
    private final boolean keptInDisks;
    /** Only root can mount. */
    private final Optional<Images> images;

    /**
     * Without a quota for new tenants; images that are there are used.
     *
     * @param serverUid the server's own effective uid; 0 gives each tenant its own
     */
    public WorkspaceRoot(Path workspaces, long serverUid, Refusals refusals) {
        this(workspaces, serverUid, refusals, OptionalLong.empty());
    }

    /**
     * @param serverUid the server's own effective uid; 0 gives each tenant its own
     * @param quota how large each tenant's tree may become, in bytes; empty: as large as the disk allows
     * @throws CloisterException INVALID_REQUEST if there is a quota and the server is not root
     */
    public WorkspaceRoot(Path workspaces, long serverUid, Refusals refusals, OptionalLong quota) {
        this(workspaces, serverUid, refusals, quota, false);
    }

    /**
     * For an isolation mode that {@linkplain IsolationBackend#keepsFiles keeps what tenants have}: trees are then only what
     * tenants start from. A quota is the mode's affair.
     *
     * @param serverUid the server's own effective uid; 0 gives each tenant its own
     */
    public static WorkspaceRoot keptInDisks(Path workspaces, long serverUid, Refusals refusals) {
        return new WorkspaceRoot(workspaces, serverUid, refusals, OptionalLong.empty(), true);
    }

    private WorkspaceRoot(Path workspaces, long serverUid, Refusals refusals, OptionalLong quota, boolean keptInDisks) {
        if (quota.isPresent() && serverUid != 0) {
            throw CloisterException.invalid(
                    "workspace.quota: a quota is a mounted image, and only root can mount; run the"
                            + " server as root, or set workspace.quota to none");
        }
        this.root = workspaces.toAbsolutePath().normalize();
        this.serverUid = serverUid;
        this.refusals = refusals;
        this.staging = new Staging(root.resolve("staging"), serverUid);
        this.keptInDisks = keptInDisks;
        this.images = serverUid == 0
                ? Optional.of(new Images(root, staging, quota, DiskTools.ofHost(), CHILDREN))
                : Optional.empty();
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
     * Requires that nobody but the server can move or replace a directory, by any of those above it.
     *
     * @throws CloisterException ISOLATION_FAILED, naming the directory that is wrong and the remedy
     */
    public static void requireSafeWayTo(Path directory, long serverUid) {
        try {
            new RootChecks(serverUid).requireWayTo(directory.toAbsolutePath().normalize());
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * {@linkplain #requireSafe Checks} the directory and sweeps what a crash left in staging, and mounted. Call it once before
     * anything else, while no other server uses the directory.
     *
     * @throws CloisterException ISOLATION_FAILED, naming the directory that is wrong and the remedy, or the program that a
     *     quota needs
     */
    public void prepare() {
        requireSafe(root, serverUid);
        try {
            staging.sweep();
            if (images.isPresent()) {
                images.get().prepare();
            }
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * A tenant's tree, made if there is none, and checked: each of its four directories is no link, is the tenant's and has
     * mode 0700. A directory that the tenant removed is made again.
     *
     * <p>With a quota the tenant's image is mounted first, and made if there is none: that takes a moment, and as long as
     * copying a tree takes that was there before. Nothing of the tenant may run then.
     *
     * @param uid the tenant's own if the server is root, else the server's
     * @throws CloisterException ISOLATION_FAILED if something is wrong with it, reported as a refusal before; or if its files
     *     are {@linkplain #elsewhere elsewhere}
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
        try {
            if (keptInDisks) {
                refuse(inImage(tenant));
            }
            if (images.isPresent()) {
                Optional<Staging> ignored = images.get().open(workspace, () -> check(workspace));
            }
        } catch (IOException e) {
            throw Failures.of(e);
        }
        check(workspace);
        return workspace;
    }

    private void check(Workspace workspace) {
        try (Handle held = treeOf(workspace)) {
            for (String child : CHILDREN) {
                childOf(held, workspace, Path.of(child)).close();
            }
            Inode disk = held.inode(DISK);
            if (disk != null) {
                Path shown = workspace.root().resolve(DISK);
                require(Wrong.file(disk, workspace.uid(), Staging.FILE_MODE, shown), workspace, shown);
                refuse(inDisk(shown));
            }
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * Why a tenant's files cannot be served in this server's isolation mode, and what to do; empty if they can, or if there are
     * none. They are never served as if there were none.
     */
    public Optional<String> elsewhere(TenantId tenant) {
        if (keptInDisks) {
            return inImage(tenant);
        }
        try (Handle here = Handle.ofOwn(root);
                Handle tree = here.child(Path.of(tenant.value()))) {
            boolean disk = tree != null && tree.inode().kind() == Kind.DIRECTORY && tree.inode(DISK) != null;
            return disk ? inDisk(root.resolve(tenant.value()).resolve(DISK)) : Optional.empty();
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private Optional<String> inDisk(Path disk) {
        return keptInDisks ? Optional.empty() : Optional.of(Elsewhere.inDisk(disk));
    }

    private Optional<String> inImage(TenantId tenant) {
        return images.filter(all -> all.hasImage(tenant))
                .map(image -> Elsewhere.inImage(ImagePlaces.of(root, tenant).image()));
    }

    private static void refuse(Optional<String> elsewhere) {
        if (elsewhere.isPresent()) {
            throw new CloisterException(ErrorCode.ISOLATION_FAILED, elsewhere.get());
        }
    }

    @Override
    public Optional<String> fault(TenantId tenant, long uid) {
        Path name = Path.of(tenant.value());
        boolean onImage = images.flatMap(all -> all.stagingOf(tenant)).isPresent();
        if (!onImage && images.map(all -> all.hasImage(tenant)).orElse(false)) {
            // Its image is not mounted: what stands under its name is the server's, to mount it on.
            return Optional.empty();
        }
        try (Handle here = Handle.ofOwn(root);
                Handle tree = here.child(name)) {
            if (tree == null) {
                return Optional.empty();
            }
            Optional<Wrong> wrong = onImage
                    ? Wrong.directory(tree.inode(), 0, ImageMaker.ROOT_MODE, name)
                    : Wrong.directory(tree.inode(), uid, Staging.DIRECTORY_MODE, name);
            if (wrong.isPresent()) {
                return wrong.map(one -> "the tree " + one.what());
            }
            for (String child : CHILDREN) {
                try (Handle held = tree.child(Path.of(child))) {
                    Optional<Wrong> one = held == null
                            ? Optional.empty()
                            : Wrong.directory(held.inode(), uid, Staging.DIRECTORY_MODE, name.resolve(child));
                    if (one.isPresent()) {
                        return one.map(found -> child + " " + found.what());
                    }
                }
            }
            Inode disk = tree.inode(DISK);
            return disk == null
                    ? Optional.empty()
                    : Wrong.file(disk, uid, Staging.FILE_MODE, name.resolve(DISK))
                            .map(found -> DISK + " " + found.what());
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    @Override
    public Optional<String> faultOfAll() {
        try {
            requireSafe(root, serverUid);
            return Optional.empty();
        } catch (CloisterException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** Deletes a tenant's tree for ever, and its image. Returns false if there was none. */
    public boolean delete(TenantId tenant) {
        try (Handle here = Handle.ofOwn(root)) {
            boolean image = images.isPresent() && images.get().delete(tenant);
            Path name = Path.of(tenant.value());
            if (here.inode(name) == null) {
                return image;
            }
            new Purge(staging, serverUid).delete(here, name);
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
                purge(workspace).delete(tmp, path.getFileName());
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

    /** The server's place on the file system that holds the tenant's tree. */
    Staging staging(Workspace workspace) {
        return image(workspace).orElse(staging);
    }

    Purge purge(Workspace workspace) {
        return new Purge(staging(workspace), serverUid);
    }

    private Optional<Staging> image(Workspace workspace) {
        return images.flatMap(all -> all.stagingOf(workspace.tenant()));
    }

    /** Tells of what was refused because it could have led out of a tenant's workspace. */
    public void report(TenantId tenant, Guarantee guarantee, String what) {
        refusals.refused(tenant, guarantee, what);
    }

    private Handle treeOf(Workspace workspace) throws IOException {
        Path name = Path.of(workspace.tenant().value());
        boolean onImage = image(workspace).isPresent();
        try (Handle here = Handle.ofOwn(root)) {
            Handle found = here.child(name);
            if (found == null
                    && images.map(all -> all.mayBePlain(workspace.tenant())).orElse(true)) {
                put(staging, here, name, staging.treeFor(workspace.uid(), CHILDREN));
                found = here.child(name);
            }
            // The root of an image is the server's: nothing of the tenant's stands beside the server's staging there.
            return onImage
                    ? checked(found, workspace, workspace.root(), 0, ImageMaker.ROOT_MODE)
                    : checked(found, workspace, workspace.root(), workspace.uid(), Staging.DIRECTORY_MODE);
        }
    }

    private Handle childOf(Handle tree, Workspace workspace, Path name) throws IOException {
        Handle found = tree.child(name);
        if (found == null) {
            Staging own = staging(workspace);
            put(own, tree, name, own.directoryFor(workspace.uid()));
            found = tree.child(name);
        }
        return checked(found, workspace, workspace.root().resolve(name), workspace.uid(), Staging.DIRECTORY_MODE);
    }

    /** Renames something staged into place. If something stands there by now, that stays, and is checked like any other. */
    private void put(Staging from, Handle directory, Path name, Path staged) throws IOException {
        try (Handle here = from.hold()) {
            int answer = here.move(staged, directory, name);
            if (answer < 0) {
                new Purge(from, serverUid).delete(here, staged);
                if (answer != -Posix.ENOTEMPTY && answer != -Posix.EEXIST && answer != -Posix.ENOTDIR) {
                    throw Failures.of(answer);
                }
            }
        }
    }

    /** Unmounts what {@link #open} mounted. May be called twice. */
    @Override
    public void close() {
        images.ifPresent(Images::close);
    }

    /** Passes a handle on if what it holds is a directory of this owner and mode; else closes it, reports and refuses. */
    private Handle checked(@Nullable Handle found, Workspace workspace, Path shown, long owner, int mode)
            throws IOException {
        if (found == null) {
            throw Failures.conflict("the workspace is being deleted or replaced; try again");
        }
        boolean good = false;
        try {
            require(Wrong.directory(found.inode(), owner, mode, shown), workspace, shown);
            good = true;
            return found;
        } finally {
            if (!good) {
                found.close();
            }
        }
    }

    private void require(Optional<Wrong> wrong, Workspace workspace, Path shown) {
        if (wrong.isPresent()) {
            report(
                    workspace.tenant(),
                    Guarantee.FILES_OF_OTHERS_UNREADABLE,
                    wrong.get().what());
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED,
                    shown + " " + wrong.get().what() + "; the operator should find out who changed it, then: "
                            + wrong.get().remedy());
        }
    }
}
