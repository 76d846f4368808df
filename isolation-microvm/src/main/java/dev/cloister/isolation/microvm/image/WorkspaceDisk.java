package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a tenant's disk, with what its directories on the host hold. Whatever happens between, all of it is in the directories or in
 * the disk, whole. Only while nothing of the tenant runs.
 */
public final class WorkspaceDisk {
    private static final Logger log = LoggerFactory.getLogger(WorkspaceDisk.class);

    private final Path target;
    private final Optional<Long> rights;
    private final long uid;
    private final List<Path> from;

    private WorkspaceDisk(Path target, long uid, Optional<Long> rights, List<Path> from) {
        this.target = target;
        this.uid = uid;
        this.rights = rights;
        this.from = List.copyOf(from);
    }

    /**
     * Makes it if it is not there, and empties the directories. In it each has its own name below the root, is the tenant's, as is all
     * that was in it, and has its mode. It is read with no more rights than the tenant has.
     *
     * <p>If it is there already, and the directories hold something all the same, that goes to a directory beside the disk: an earlier
     * run may have been ended before they were empty, or somebody put it there.
     *
     * <p>The caller mounts it nosuid and nodev.
     *
     * @param target in a directory that only the server can write. What is being made stands beside it, with more behind its name
     * @param bytes its size; it takes of the host's disk what is written to it
     * @param uid the tenant's uid and gid
     * @param from existing directories with different names
     * @throws IsolationException if it cannot be made, with the directories as they were
     */
    public static void make(Path target, long bytes, long uid, List<Path> from) {
        try {
            WorkspaceDisk disk = new WorkspaceDisk(target, uid, Rights.of(uid), from);
            if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                disk.keepBeside();
            } else {
                disk.make(bytes);
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a tenant's disk could not be made",
                            e.toString(),
                            "Check the space, the owner and the mode of " + target.getParent()
                                    + ". The workspace is as it was."),
                    e);
        }
    }

    private void make(long bytes) throws IOException {
        Path fresh = beside(".new");
        Path tree = beside(".tree");
        Files.deleteIfExists(fresh);
        discard(tree);
        try {
            List<Path> filled = filled();
            furnish(tree);
            if (!filled.isEmpty()) {
                log.info("copying a workspace into the disk {}", target);
                copy(filled, tree);
            }
            Ext4.writable(fresh, bytes, tree, rights, "Raise microvm.disk, or workspace.quota where that is set.");
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
            // Before anything goes: after a power cut there must be one of the two.
            Ext4.force(target.resolveSibling("."), StandardOpenOption.READ);
            if (!filled.isEmpty()) {
                empty(filled);
                log.info("the workspace is in the disk {} now", target);
            }
        } finally {
            discard(tree);
        }
    }

    private Path beside(String more) {
        return target.resolveSibling(target.getFileName() + more);
    }

    private List<Path> filled() throws IOException {
        List<Path> filled = new ArrayList<>();
        for (Path directory : from) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
                if (entries.iterator().hasNext()) {
                    filled.add(directory);
                }
            }
        }
        return filled;
    }

    /** The tenant's own, with an empty directory for each of its directories. */
    private void furnish(Path tree) throws IOException {
        own(tree);
        for (Path directory : from) {
            own(tree.resolve(directory.getFileName()));
        }
    }

    private void own(Path directory) throws IOException {
        Files.createDirectory(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        if (rights.isPresent()) {
            Files.setAttribute(directory, "unix:gid", (int) uid);
            Files.setAttribute(directory, "unix:uid", (int) uid);
        }
    }

    /** By the tenant, so that the copies are its own, whoever the files belong to. */
    private void copy(List<Path> sources, Path tree) throws IOException {
        List<String> command = new ArrayList<>(
                List.of("cp", "-a", "--no-preserve=ownership", "--sparse=auto", "--one-file-system", "--"));
        sources.forEach(source -> command.add(source.toAbsolutePath().toString()));
        command.add(".");
        Tool.Ended copied = Tool.of(command).in(tree).as(rights).end();
        if (copied.exit() != 0) {
            // What cp says has names of the tenant's.
            throw new IsolationException(new Finding(
                    "a workspace could not be copied into a disk",
                    copied.diskFull() ? "the host's disk is full" : "cp ended with " + copied.exit(),
                    copied.diskFull()
                            ? "Make room on the host's disk, for the workspace twice. It is as it was."
                            : "Look for what the tenant itself cannot read: find " + sources.getFirst()
                                    + " ! -perm -u=r. The workspace is as it was."));
        }
    }

    /** What cannot be removed is kept beside the disk by the next run. */
    private void empty(List<Path> directories) {
        openUp(directories);
        for (Path directory : directories) {
            Tool.Ended ended = Tool.of("find", directory.toString(), "-xdev", "-mindepth", "1", "-delete")
                    .end();
            if (ended.exit() != 0) {
                log.warn("{} is in the disk {} and could not be emptied", directory, target);
            }
        }
    }

    private void keepBeside() throws IOException {
        List<Path> filled = filled();
        if (filled.isEmpty()) {
            return;
        }
        int number = 1;
        while (Files.exists(beside(".kept-" + number), LinkOption.NOFOLLOW_LINKS)) {
            number++;
        }
        Path kept = beside(".kept-" + number);
        furnish(kept);
        log.warn("the disk {} is there, and so are files in {}: they are kept in {}", target, filled, kept);
        openUp(filled);
        for (Path directory : filled) {
            Path place = kept.resolve(directory.getFileName());
            Tool.of("find", directory.toString(), "-mindepth", "1", "-maxdepth", "1", "-exec")
                    .with("mv", "-t", place.toString(), "--", "{}", "+")
                    .run();
        }
    }

    /** Only root removes and moves what its owner may not write; and the owner may change that. */
    private void openUp(List<Path> directories) {
        if (rights.isEmpty()) {
            List<String> command = new ArrayList<>(List.of("chmod", "-R", "u+rwX", "--"));
            directories.forEach(directory -> command.add(directory.toString()));
            // As far as it goes: what is in the way shows afterwards.
            Tool.of(command).end();
        }
    }

    private void discard(Path tree) {
        if (Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
            openUp(List.of(tree));
            Tool.discard(tree);
        }
    }
}
