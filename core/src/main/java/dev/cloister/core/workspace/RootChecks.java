package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Whether the directories that the operator chose can carry the promise. It changes none that it did not make itself. */
final class RootChecks {
    private static final int OTHERS_WRITE = 022;
    private static final int OTHERS_ENTER = 01;
    private static final int STICKY = 01000;

    private final long serverUid;

    RootChecks(long serverUid) {
        this.serverUid = serverUid;
    }

    /** Makes a directory with all above it if it is missing, then requires that it is the server's and has the mode. */
    void require(Path directory, int mode) throws IOException {
        if (Files.notExists(directory, LinkOption.NOFOLLOW_LINKS)) {
            make(directory, mode);
        }
        Inode inode = Inode.read(directory, LinkOption.NOFOLLOW_LINKS);
        if (inode.kind() == Kind.LINK) {
            throw wrong(directory, "is a symbolic link", "configure the directory that it points to");
        }
        if (inode.kind() != Kind.DIRECTORY) {
            throw wrong(directory, "is not a directory", "move it away");
        }
        if (inode.uid() != serverUid) {
            throw wrong(
                    directory,
                    "belongs to uid " + inode.uid() + ", not to the server's " + serverUid,
                    "chown " + serverUid + " " + directory);
        }
        if (inode.mode() != mode) {
            throw wrong(
                    directory,
                    String.format("has mode %04o instead of %04o", inode.mode(), mode),
                    // With fewer digits chmod would leave a set-group-id bit of a directory as it is.
                    String.format("chmod %05o %s", mode, directory));
        }
    }

    private void make(Path directory, int mode) throws IOException {
        Path parent = directory.getParent();
        if (parent != null) {
            // Below a directory that all may enter, what leads on is made so too, or tenants' uids could not walk it.
            Files.createDirectories(
                    parent,
                    PosixFilePermissions.asFileAttribute(
                            PosixFilePermissions.fromString(serverUid == 0 ? "rwx--x--x" : "rwx------")));
        }
        Files.createDirectory(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        // After the fact: the umask takes bits away from what is asked for at creation.
        Files.setAttribute(directory, "unix:mode", mode);
    }

    /**
     * Requires of every directory above that no stranger can put another in the place of what is below and, if the server is
     * root, that every tenant's uid can walk through. Of a path through links both ways are looked at.
     */
    void requireWayTo(Path directory) throws IOException {
        Set<Path> above = new LinkedHashSet<>();
        for (Path way : List.of(directory, directory.toRealPath())) {
            for (Path step = way.getParent(); step != null; step = step.getParent()) {
                above.add(step);
            }
        }
        for (Path step : above) {
            requireStep(step);
        }
    }

    private void requireStep(Path step) throws IOException {
        Inode inode;
        try {
            inode = Inode.read(step);
        } catch (NoSuchFileException vanished) {
            throw wrong(step, "vanished while it was checked", "try again");
        }
        if (inode.uid() != 0 && inode.uid() != serverUid) {
            throw wrong(
                    step,
                    "belongs to uid " + inode.uid() + ", who could replace everything below it",
                    "chown " + serverUid + " " + step + ", or configure workspaces elsewhere");
        }
        if ((inode.mode() & OTHERS_WRITE) != 0 && (inode.mode() & STICKY) == 0) {
            throw wrong(step, "can be written by others than its owner", "chmod go-w " + step);
        }
        if (serverUid == 0 && (inode.mode() & OTHERS_ENTER) == 0) {
            throw wrong(
                    step,
                    "cannot be entered by tenants' uids",
                    "chmod o+x " + step + ", or configure workspaces elsewhere");
        }
    }

    private static CloisterException wrong(Path directory, String what, String remedy) {
        return new CloisterException(
                ErrorCode.ISOLATION_FAILED,
                "the tenants' files cannot be kept safely: " + directory + " " + what + ". Remedy: " + remedy);
    }
}
