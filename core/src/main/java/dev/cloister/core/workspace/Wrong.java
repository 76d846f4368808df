package dev.cloister.core.workspace;

import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What is not as it must be about something of the server's making in a tenant's tree. Pure.
 *
 * @param what a phrase without a subject
 * @param remedy a command
 */
record Wrong(String what, String remedy) {
    /** @param shown the path to name */
    static Optional<Wrong> directory(Inode inode, long uid, int mode, Path shown) {
        return kind(inode, Kind.DIRECTORY, "directory", shown).or(() -> access(inode, uid, mode, shown));
    }

    /** The same of a regular file. */
    static Optional<Wrong> file(Inode inode, long uid, int mode, Path shown) {
        return kind(inode, Kind.FILE, "regular file", shown).or(() -> access(inode, uid, mode, shown));
    }

    private static Optional<Wrong> kind(Inode inode, Kind wanted, String word, Path shown) {
        if (inode.kind() == Kind.LINK) {
            return Optional.of(new Wrong("is a symbolic link", "rm " + shown));
        }
        return inode.kind() == wanted ? Optional.empty() : Optional.of(new Wrong("is not a " + word, "rm -r " + shown));
    }

    private static Optional<Wrong> access(Inode inode, long uid, int mode, Path shown) {
        if (inode.uid() != uid) {
            return Optional.of(new Wrong(
                    "belongs to uid " + inode.uid() + " instead of " + uid,
                    "chown -h " + uid + ":" + uid + " " + shown));
        }
        if (inode.mode() != mode) {
            return Optional.of(new Wrong(
                    String.format("has mode %04o instead of %04o", inode.mode(), mode),
                    String.format("chmod %05o %s", mode, shown)));
        }
        return Optional.empty();
    }
}
