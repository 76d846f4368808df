package dev.cloister.core.workspace;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes an image of a tenant, with what its tree holds, and puts it in the tree's place. Only while nothing of the tenant
 * runs, for it copies by paths. The tree is whole, in its place or beside its image, until the image is mounted.
 */
final class ImageMaker {
    /** The image's own root is the server's; its group, which is the tenant's alone, may walk through. */
    static final int ROOT_MODE = 0710;

    private static final Logger log = LoggerFactory.getLogger(ImageMaker.class);
    private static final int MEBI = 1 << 20;

    private final DiskTools tools;
    private final List<String> children;

    ImageMaker(DiskTools tools, List<String> children) {
        this.tools = tools;
        this.children = children;
    }

    /** @param tree whether there is a tree; it was checked */
    void make(Workspace workspace, ImagePlaces places, long quota, boolean tree) throws IOException {
        log.info(
                "making an image of {} bytes for tenant {}{}",
                quota,
                workspace.tenant(),
                tree ? ", and copying its tree there" : "");
        boolean whole = false;
        try {
            Files.createFile(
                    places.fresh(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            setSize(places.fresh(), quota);
            tools.makeFileSystem(places.fresh());
            ownDirectory(places.mount());
            tools.mount(places.fresh(), places.mount());
            furnish(workspace, places, tree);
            tools.unmount(places.mount());
            Files.delete(places.mount());
            // Before the names change: after a power cut they must not stand for half an image.
            force(places.fresh(), StandardOpenOption.WRITE);
            whole = true;
        } finally {
            if (!whole) {
                discard(places);
            }
        }
        if (tree) {
            Files.move(places.point(), places.before(), StandardCopyOption.ATOMIC_MOVE);
        }
        Files.move(places.fresh(), places.image(), StandardCopyOption.ATOMIC_MOVE);
        force(places.image().resolveSibling("."), StandardOpenOption.READ);
        if (tree) {
            log.info("the tree of tenant {} is in its image now", workspace.tenant());
        }
    }

    private void furnish(Workspace workspace, ImagePlaces places, boolean tree) throws IOException {
        Path inside = places.mount();
        ownDirectory(ImagePlaces.stagingIn(inside));
        if (tree) {
            copy(workspace, places.point(), inside);
        } else {
            for (String child : children) {
                Path directory = inside.resolve(child);
                ownDirectory(directory);
                give(directory, workspace.uid(), workspace.uid(), Staging.DIRECTORY_MODE);
            }
        }
        give(inside, 0, workspace.uid(), ROOT_MODE);
    }

    private void copy(Workspace workspace, Path tree, Path inside) throws IOException {
        List<Path> known = new ArrayList<>();
        List<Path> others = new ArrayList<>();
        try (DirectoryStream<Path> names = Files.newDirectoryStream(tree)) {
            for (Path path : names) {
                (children.contains(path.getFileName().toString()) ? known : others).add(path);
            }
        }
        Runnable progress = () -> logProgress(workspace, inside);
        tools.copy(known, inside, progress);
        if (!others.isEmpty()) {
            // Beside the three, names are the server's now: what the tenant put there must not take its own's place.
            // The name is at random, for at any other the tenant may have put a link.
            byte[] random = new byte[8];
            new SecureRandom().nextBytes(random);
            Path kept = inside.resolve("home/beside-home-" + HexFormat.of().formatHex(random));
            ownDirectory(kept);
            tools.copy(others, kept, progress);
            give(kept, workspace.uid(), workspace.uid(), Staging.DIRECTORY_MODE);
            log.info("what tenant {} had beside work, home and tmp is in its home now", workspace.tenant());
        }
    }

    private static void logProgress(Workspace workspace, Path inside) {
        try {
            FileStore store = Files.getFileStore(inside);
            log.info(
                    "copying the tree of tenant {}: its image holds {} MiB",
                    workspace.tenant(),
                    (store.getTotalSpace() - store.getUnallocatedSpace()) / MEBI);
        } catch (IOException e) {
            log.info("copying the tree of tenant {}", workspace.tenant());
        }
    }

    /** Makes an image's file larger, then its file system; a mark beside it says that this was not ended. */
    void grow(ImagePlaces places, long quota) throws IOException {
        if (Files.notExists(places.growing())) {
            Files.createFile(places.growing());
        }
        setSize(places.image(), Math.max(quota, Files.size(places.image())));
        tools.grow(places.image());
        force(places.image(), StandardOpenOption.WRITE);
        Files.delete(places.growing());
        log.info("grew the image {} to {} bytes", places.image(), Files.size(places.image()));
    }

    /** Removes a half made image. */
    void discard(ImagePlaces places) throws IOException {
        if (Files.exists(places.mount(), LinkOption.NOFOLLOW_LINKS)) {
            if (isMountPoint(places.mount())) {
                tools.unmount(places.mount());
            }
            Files.delete(places.mount());
        }
        Files.deleteIfExists(places.fresh());
    }

    /** Whether another file system begins at a path whose parent is the server's own. */
    static boolean isMountPoint(Path path) throws IOException {
        return !Files.getAttribute(path, "unix:dev", LinkOption.NOFOLLOW_LINKS)
                .equals(Files.getAttribute(path.resolveSibling("."), "unix:dev"));
    }

    static void ownDirectory(Path path) throws IOException {
        Files.createDirectory(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private static void give(Path path, long uid, long gid, int mode) throws IOException {
        Files.setAttribute(path, "unix:gid", (int) gid);
        Files.setAttribute(path, "unix:uid", (int) uid);
        Files.setAttribute(path, "unix:mode", mode);
    }

    private static void setSize(Path file, long size) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.setLength(size);
        }
    }

    private static void force(Path path, StandardOpenOption how) throws IOException {
        try (FileChannel channel = FileChannel.open(path, how)) {
            channel.force(true);
        }
    }
}
