package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes file systems into files without mounting them, from trees. Owners, modes, times and links are those of the tree, but the
 * root belongs to root. Fifos, sockets and devices become what they are and are not opened, so what tenants can have filled is to be
 * mounted nodev. Stateless and thread-safe.
 */
final class Ext4 {
    private static final int BLOCK = 4096;
    private static final int INODE = 256;
    /** Longer ones do not fit into the inode. */
    private static final int SHORT_LINK = 59;

    private static final long SPARE = 4 << 20;

    private Ext4() {}

    /**
     * A new file for the server alone, sparse, on the disk when this returns. There is nothing when it fails.
     *
     * @param uid whose rights the tree is read with; empty: the server's
     * @param tooSmall what to do if the tree does not fit
     */
    static void writable(Path image, long bytes, Path tree, Optional<Long> uid, String tooSmall) throws IOException {
        // The file is new and holds zeros, so neither journal nor inode tables have to be written, here or in the
        // guest.
        make(image, bytes, tree, uid, tooSmall, List.of("-E", "root_owner=0:0,lazy_journal_init=1"));
    }

    /** The same for one that is never written: as small as it can be, without a journal. */
    static void readOnly(Path image, Path tree) throws IOException {
        long blocks = 0;
        long files = 0;
        // Names may hold anything, so they are not asked for.
        String listing = Tool.of("find", tree.toString(), "-printf", "%y %s\n").run();
        for (String line : listing.split("\n", -1)) {
            if (line.isEmpty()) {
                continue;
            }
            long size = Long.parseLong(line.substring(2));
            files++;
            blocks += line.charAt(0) == 'l' && size <= SHORT_LINK ? 0 : (size + BLOCK - 1) / BLOCK;
        }
        // The tables of groups and inodes, the extents of large files, and directories that were smaller where they
        // stood.
        long inodes = files + files / 16 + 64;
        long bytes = blocks * BLOCK + blocks * BLOCK / 32 + inodes * INODE + SPARE;
        make(
                image,
                (bytes + BLOCK - 1) / BLOCK * BLOCK,
                tree,
                Optional.empty(),
                "Please report it.",
                List.of("-O", "^has_journal,^resize_inode", "-N", Long.toString(inodes), "-E", "root_owner=0:0"));
    }

    private static void make(
            Path image, long bytes, Path tree, Optional<Long> uid, String tooSmall, List<String> options)
            throws IOException {
        boolean whole = false;
        try {
            Files.createFile(image, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
                file.setLength(bytes);
            }
            if (uid.isPresent()) {
                Files.setAttribute(image, "unix:uid", uid.get().intValue());
            }
            List<String> command =
                    new ArrayList<>(List.of("mke2fs", "-q", "-F", "-t", "ext4", "-b", "" + BLOCK, "-m", "0"));
            command.addAll(options);
            // A directory and an input that are open lead to the same place whoever may enter what lies above.
            command.addAll(List.of("-d", ".", Tool.INPUT));
            check(Tool.of(command).in(tree).reading(image).as(uid).end(), bytes, tooSmall);
            if (uid.isPresent()) {
                Files.setAttribute(image, "unix:uid", (int) Rights.own());
            }
            force(image, StandardOpenOption.WRITE);
            whole = true;
        } finally {
            if (!whole) {
                Files.deleteIfExists(image);
            }
        }
    }

    private static void check(Tool.Ended ended, long bytes, String tooSmall) {
        if (ended.exit() == 0) {
            return;
        }
        if (ended.said().contains("Could not allocate")) {
            throw new IsolationException(new Finding(
                    "a file system is too small", "what it is to hold is more than " + bytes + " bytes", tooSmall));
        }
        throw ended.diskFull()
                ? new IsolationException(new Finding(
                        "a file system could not be written",
                        "the host's disk is full",
                        "Make room on the host's disk."))
                : new IsolationException(new Finding(
                        "a file system could not be written",
                        "mke2fs ended with " + ended.exit() + ": " + ended.said(),
                        "Look at the host's disk and at what is to be in it."));
    }

    /** What was written survives a power cut; with READ, of a directory: its names do. */
    static void force(Path path, StandardOpenOption how) throws IOException {
        try (FileChannel channel = FileChannel.open(path, how)) {
            channel.force(true);
        }
    }
}
