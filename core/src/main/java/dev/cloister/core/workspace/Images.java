package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.ImageState.Tree;
import dev.cloister.core.workspace.MountTable.Mount;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tenants' trees that are file systems of their own, each in a file, so that none can fill the disk of all. Mounted when
 * first opened, unmounted at close. Only for a server that is root. Thread-safe; what is done for one tenant waits for no
 * other.
 */
final class Images implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Images.class);
    private static final Set<String> OPTIONS = Set.of("nosuid", "nodev");

    private final Path root;
    private final Path directory;
    private final Staging staging;
    private final OptionalLong quota;
    private final DiskTools tools;
    private final ImageMaker maker;
    private final Map<TenantId, Slot> slots = new ConcurrentHashMap<>();
    private volatile boolean closed;

    private static final class Slot {
        final ReentrantLock lock = new ReentrantLock();
        volatile @Nullable Staging mounted;
        /** A tree that did not fit is not copied again for each request. */
        @Nullable
        CloisterException refused;
    }

    /** @param staging on the workspaces' own file system */
    Images(Path root, Staging staging, OptionalLong quota, DiskTools tools, List<String> children) {
        this.root = root;
        this.directory = root.resolve(ImagePlaces.IMAGES);
        this.staging = staging;
        this.quota = quota;
        this.tools = tools;
        this.maker = new ImageMaker(tools, children);
    }

    /**
     * Checks that images can be made and are not larger than the quota, and unmounts what an earlier server left. A mount
     * that something still uses stays, and is taken over when its tenant comes.
     *
     * @throws CloisterException ISOLATION_FAILED if a program is missing or an image is too large
     */
    void prepare() throws IOException {
        if (quota.isEmpty() && Files.notExists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        tools.requireAll();
        new RootChecks(0).require(directory, 0700);
        for (Mount mount : mounts().reversed()) {
            if (isOurs(mount)) {
                log.warn("unmounting {}, which an earlier server left", mount.point());
                unmountIfFree(mount.point());
            }
        }
        for (TenantId tenant : tenantsWith(directory, ImagePlaces.IMAGE_END)) {
            requireNotLarger(ImagePlaces.of(root, tenant));
        }
        for (String end : List.of(ImagePlaces.FRESH_END, ImagePlaces.MOUNT_END)) {
            for (TenantId tenant : tenantsWith(directory, end)) {
                maker.discard(ImagePlaces.of(root, tenant));
            }
        }
        for (TenantId tenant : tenantsWith(root, "")) {
            Path point = root.resolve(tenant.value());
            if (treeAt(point) == Tree.POINT) {
                Files.delete(point);
            }
        }
    }

    /** Below the workspaces nobody else mounts; by the source it shows that it is an image. */
    private boolean isOurs(Mount mount) throws IOException {
        Path real = root.toRealPath();
        Path parent = mount.point().getParent();
        return parent != null
                && (parent.equals(real) || parent.equals(real.resolve(ImagePlaces.IMAGES)))
                && Loops.file(mount.source())
                        .map(file -> file.startsWith(real + "/" + ImagePlaces.IMAGES + "/"))
                        .orElse(false);
    }

    private void unmountIfFree(Path point) throws IOException {
        try {
            tools.unmount(point);
        } catch (CloisterException e) {
            log.warn("{} stays mounted: {}", point, e.getMessage());
        }
    }

    private void requireNotLarger(ImagePlaces places) throws IOException {
        OptionalLong size = size(places.image());
        if (size.isPresent() && size.getAsLong() > quota.orElse(Long.MAX_VALUE)) {
            throw smaller(places, size.getAsLong());
        }
    }

    private CloisterException smaller(ImagePlaces places, long size) {
        String image = places.image().toString();
        return new CloisterException(
                ErrorCode.ISOLATION_FAILED,
                "workspace.quota is " + quota.orElse(0) + " bytes and the image " + image + " has " + size
                        + "; the server makes none smaller. Remedy: set workspace.quota to " + size
                        + "B or more, or shrink the image by hand while the server is stopped: e2fsck -f " + image
                        + " && resize2fs " + image + " " + quota.orElse(0) / 1024 + "K && truncate -s "
                        + quota.orElse(0) + " " + image);
    }

    /**
     * Mounts a tenant's image, made if there is none and one is wanted.
     *
     * @param plainTree opens and checks the tree that stands there without an image; called before that is copied
     * @return the server's place on the image; empty if the tenant has none
     */
    Optional<Staging> open(Workspace workspace, Runnable plainTree) throws IOException {
        Slot slot = slots.computeIfAbsent(workspace.tenant(), tenant -> new Slot());
        ImagePlaces places = ImagePlaces.of(root, workspace.tenant());
        Staging mounted = slot.mounted;
        if (mounted != null && treeAt(places.point()) == Tree.MOUNTED) {
            return Optional.of(mounted);
        }
        slot.lock.lock();
        try {
            if (closed) {
                throw Failures.conflict("the server is stopping; try again when it runs again");
            }
            if (slot.refused != null) {
                throw new CloisterException(slot.refused.code(), String.valueOf(slot.refused.getMessage()));
            }
            return carryOut(workspace, places, slot, plainTree);
        } finally {
            slot.lock.unlock();
        }
    }

    private Optional<Staging> carryOut(Workspace workspace, ImagePlaces places, Slot slot, Runnable plainTree)
            throws IOException {
        while (true) {
            ImageState state = look(places);
            switch (ImagePlan.next(state, quota)) {
                case READY -> {
                    Staging mounted = slot.mounted;
                    if (mounted == null) {
                        mounted = takeOver(places);
                        slot.mounted = mounted;
                    }
                    return Optional.of(mounted);
                }
                case PLAIN -> {
                    slot.mounted = null;
                    return Optional.empty();
                }
                case MOUNT -> slot.mounted = mount(places);
                case GROW -> grow(places);
                case CREATE -> create(workspace, places, slot, state.tree() == Tree.PLAIN, plainTree);
                case PUT_BACK -> Files.move(places.before(), places.point());
                case DISCARD_FRESH -> maker.discard(places);
                case DELETE_BEFORE -> purge(places.before());
                case REMOVE_POINT -> Files.delete(places.point());
                case REFUSE_SMALLER -> throw smaller(places, state.image().orElse(0));
                case REFUSE_BOTH ->
                    throw new CloisterException(
                            ErrorCode.ISOLATION_FAILED,
                            "the workspace " + places.point() + " is there both as a tree and as "
                                    + (state.image().isPresent() ? places.image() : places.before())
                                    + "; the operator must see which is the newer one and move the other away");
            }
        }
    }

    private void create(Workspace workspace, ImagePlaces places, Slot slot, boolean tree, Runnable plainTree)
            throws IOException {
        if (tree) {
            plainTree.run();
        }
        try {
            maker.make(workspace, places, quota.orElse(0), tree);
        } catch (CloisterException e) {
            if (tree && e.code() == ErrorCode.OVERLOADED) {
                slot.refused = e;
            }
            throw e;
        }
    }

    private void grow(ImagePlaces places) throws IOException {
        // Unmounted lazily it may still be alive, and two hands on one file system destroy it.
        if (Loops.files().contains(places.image().toRealPath().toString())) {
            throw Failures.conflict("a process that an earlier server left still uses the workspace, which cannot grow"
                    + " so long; the operator should end it");
        }
        maker.grow(places, quota.orElse(0));
    }

    private Staging mount(ImagePlaces places) throws IOException {
        if (Files.notExists(places.point(), LinkOption.NOFOLLOW_LINKS)) {
            ImageMaker.ownDirectory(places.point());
        }
        tools.mount(places.image(), places.point());
        boolean good = false;
        try {
            Staging mounted = stagingAt(places);
            good = true;
            return mounted;
        } finally {
            if (!good) {
                unmount(places.point());
            }
        }
    }

    /** A mount that an earlier server left and that could not be taken away. */
    private Staging takeOver(ImagePlaces places) throws IOException {
        Path point = places.point().toRealPath();
        Optional<Mount> seen = mounts().reversed().stream()
                .filter(mount -> mount.point().equals(point))
                .findFirst();
        boolean ours = seen.isPresent()
                && seen.get().options().containsAll(OPTIONS)
                && Loops.file(seen.get().source())
                        .equals(Optional.of(places.image().toRealPath().toString()));
        if (!ours) {
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED,
                    places.point() + " is a mount that the server did not make. Remedy: umount " + places.point());
        }
        return stagingAt(places);
    }

    private static Staging stagingAt(ImagePlaces places) throws IOException {
        Path here = ImagePlaces.stagingIn(places.point());
        new RootChecks(0).require(here, 0700);
        Staging mounted = new Staging(here, 0);
        mounted.sweep();
        mounted.makeSpare();
        return mounted;
    }

    private ImageState look(ImagePlaces places) throws IOException {
        return new ImageState(
                treeAt(places.point()),
                size(places.image()),
                Files.exists(places.before(), LinkOption.NOFOLLOW_LINKS),
                Files.exists(places.fresh(), LinkOption.NOFOLLOW_LINKS)
                        || Files.exists(places.mount(), LinkOption.NOFOLLOW_LINKS),
                Files.exists(places.growing(), LinkOption.NOFOLLOW_LINKS));
    }

    private static Tree treeAt(Path point) throws IOException {
        if (Files.notExists(point, LinkOption.NOFOLLOW_LINKS)) {
            return Tree.ABSENT;
        }
        if (!Files.isDirectory(point, LinkOption.NOFOLLOW_LINKS)) {
            return Tree.PLAIN;
        }
        if (ImageMaker.isMountPoint(point)) {
            return Tree.MOUNTED;
        }
        if (Inode.read(point, LinkOption.NOFOLLOW_LINKS).uid() != 0) {
            return Tree.PLAIN;
        }
        try (DirectoryStream<Path> names = Files.newDirectoryStream(point)) {
            return names.iterator().hasNext() ? Tree.PLAIN : Tree.POINT;
        }
    }

    private static OptionalLong size(Path image) throws IOException {
        if (Files.notExists(image, LinkOption.NOFOLLOW_LINKS)) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(Files.size(image));
    }

    /** The server's place on a tenant's image; empty if the tenant has none that is mounted. */
    Optional<Staging> stagingOf(TenantId tenant) {
        Slot slot = slots.get(tenant);
        return slot == null ? Optional.empty() : Optional.ofNullable(slot.mounted);
    }

    boolean hasImage(TenantId tenant) {
        return Files.exists(ImagePlaces.of(root, tenant).image(), LinkOption.NOFOLLOW_LINKS);
    }

    /** Whether a tree that is missing may be made without an image: else it would hide the one in the image. */
    boolean mayBePlain(TenantId tenant) {
        return !closed
                && quota.isEmpty()
                && Files.notExists(ImagePlaces.of(root, tenant).image(), LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Deletes a tenant's image and all beside it. A tree without an image stays.
     *
     * @return false if there was nothing
     */
    boolean delete(TenantId tenant) throws IOException {
        Slot slot = slots.computeIfAbsent(tenant, id -> new Slot());
        slot.lock.lock();
        try {
            slot.mounted = null;
            slot.refused = null;
            ImagePlaces places = ImagePlaces.of(root, tenant);
            ImageState state = look(places);
            switch (state.tree()) {
                case MOUNTED -> {
                    if (state.image().isPresent()) {
                        unmount(places.point());
                    }
                }
                // Another process' mount at it goes with it.
                case POINT -> Files.delete(places.point());
                case ABSENT, PLAIN -> {}
            }
            maker.discard(places);
            Files.deleteIfExists(places.growing());
            boolean image = Files.deleteIfExists(places.image());
            if (state.before()) {
                purge(places.before());
            }
            return image || state.before();
        } finally {
            slot.lock.unlock();
        }
    }

    private void purge(Path path) throws IOException {
        try (Handle here = Handle.ofOwn(directory)) {
            new Purge(staging, 0).delete(here, path.getFileName());
        }
    }

    private void unmount(Path point) throws IOException {
        try {
            tools.unmount(point);
        } catch (CloisterException e) {
            log.warn("{} is in use and goes when that ends: {}", point, e.getMessage());
            tools.unmountLazily(point);
        }
        Files.delete(point);
    }

    /** Unmounts all; may be called twice. Nothing of a tenant should run any more: what does keeps its mount. */
    @Override
    public void close() {
        closed = true;
        slots.forEach((tenant, slot) -> {
            slot.lock.lock();
            try {
                if (slot.mounted != null) {
                    slot.mounted = null;
                    Path point = root.resolve(tenant.value());
                    // Not if another process removed the tenant.
                    if (treeAt(point) == Tree.MOUNTED) {
                        unmount(point);
                    }
                }
            } catch (IOException | CloisterException e) {
                log.error("the image of tenant {} could not be unmounted; the next start does it", tenant, e);
            } finally {
                slot.lock.unlock();
            }
        });
    }

    private static List<Mount> mounts() throws IOException {
        return MountTable.parse(Files.readString(Path.of("/proc/self/mountinfo")));
    }

    private static List<TenantId> tenantsWith(Path directory, String end) throws IOException {
        try (DirectoryStream<Path> names = Files.newDirectoryStream(directory)) {
            return StreamSupport.stream(names.spliterator(), false)
                    .map(path -> path.getFileName().toString())
                    .filter(name -> name.matches("[0-9a-f]{32}" + Pattern.quote(end)))
                    .map(name -> new TenantId(name.substring(0, 32)))
                    .toList();
        }
    }
}
