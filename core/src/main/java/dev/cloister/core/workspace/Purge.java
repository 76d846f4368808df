package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;

/**
 * Deletes what a tenant made: any depth, any mode, and while its processes still work in it.
 *
 * <p>A file goes at once. Anything else is renamed into a bin in staging, then emptied level by level: each sub-directory found is renamed up into
 * the bin under the next number. So the deepest tree is never deeper than one level when it is opened, and at most four
 * descriptors and no list of what is left are held. Only names in held directories are removed; no link is followed.
 *
 * <p>A process of the tenant that stands inside can go on creating files there. It gets {@value #PASSES} passes per
 * directory; then the rest stays in the bin, out of the tenant's tree, until the next start sweeps it.
 */
final class Purge {
    private static final int PASSES = 100;

    private final Staging staging;
    private final long serverUid;

    Purge(Staging staging, long serverUid) {
        this.staging = staging;
        this.serverUid = serverUid;
    }

    /**
     * Deletes what stands in a directory under a name, with all in it.
     *
     * @throws CloisterException NOT_FOUND if nothing stands there
     */
    void delete(Handle directory, Path name) throws IOException {
        if (removedAtOnce(directory, name)) {
            return;
        }
        try {
            Path binName = staging.ownDirectory();
            try (Handle here = staging.hold()) {
                try (Handle bin = held(here, binName)) {
                    new Emptying(bin).run(directory, name);
                } finally {
                    // Stays if it is not empty, which only a failure on the way explains; that is thrown already.
                    int ignored = here.removeDirectory(binName);
                }
            }
        } catch (IOException e) {
            if (!Failures.isFull(e)) {
                throw e;
            }
            deleteWhenFull(directory, name, e);
        }
    }

    /** A file or an empty directory needs no bin: on a full disk none can be made, and deleting is the way out. */
    private static boolean removedAtOnce(Handle directory, Path name) {
        int answer = directory.unlink(name);
        return answer >= 0 || (answer == -Posix.EISDIR && directory.removeDirectory(name) >= 0);
    }

    private void deleteWhenFull(Handle directory, Path name, IOException full) throws IOException {
        staging.spare().lock();
        try (Handle here = staging.hold();
                Handle bin = here.child(Staging.SPARE)) {
            // What an earlier use left there has the numbers that this one would give.
            if (bin == null || !isEmpty(bin)) {
                throw full;
            }
            new Emptying(bin).run(directory, name);
        } finally {
            staging.spare().unlock();
        }
    }

    private static boolean isEmpty(Handle directory) throws IOException {
        try (DirectoryStream<Path> names = directory.names()) {
            return !names.iterator().hasNext();
        }
    }

    private static Handle held(Handle directory, Path name) {
        Handle child = directory.child(name);
        if (child == null) {
            throw Failures.notFound();
        }
        return child;
    }

    private final class Emptying {
        private final Handle bin;
        private long filled;

        Emptying(Handle bin) {
            this.bin = bin;
        }

        void run(Handle directory, Path name) throws IOException {
            check(takeOver(directory, name));
            for (long number = 0; number < filled; number++) {
                remove(Path.of(Long.toString(number)));
            }
        }

        /** Renames something into the bin; answers as {@link Posix#rename} does. */
        private int takeOver(Handle directory, Path name) throws IOException {
            Path number = Path.of(Long.toString(filled));
            int answer = directory.move(name, bin, number);
            if (answer == -Posix.EACCES && unlock(directory, name)) {
                answer = directory.move(name, bin, number);
            }
            if (answer >= 0) {
                filled++;
            }
            return answer;
        }

        private void remove(Path number) throws IOException {
            try (Handle thing = held(bin, number)) {
                if (thing.inode().kind() != Kind.DIRECTORY) {
                    check(bin.unlink(number));
                    return;
                }
                unlock(thing);
                int answer = -Posix.ENOTEMPTY;
                for (int pass = 0; pass < PASSES && notEmpty(answer); pass++) {
                    empty(thing);
                    answer = bin.removeDirectory(number);
                }
                if (notEmpty(answer)) {
                    throw Failures.conflict("a process keeps creating files in what is being deleted; end it first."
                            + " The rest is out of the workspace already");
                }
                check(answer);
            }
        }

        private void empty(Handle directory) throws IOException {
            try (DirectoryStream<Path> names = directory.names()) {
                for (Path path : names) {
                    Path name = path.getFileName();
                    int answer = directory.unlink(name);
                    if (answer == -Posix.EISDIR) {
                        answer = directory.removeDirectory(name);
                    }
                    if (notEmpty(answer)) {
                        answer = takeOver(directory, name);
                    }
                    // Either of the two: a process of the tenant was faster; the next pass sees what is there.
                    if (answer != -Posix.ENOENT && answer != -Posix.ENOTDIR) {
                        check(answer);
                    }
                }
            }
        }
    }

    /** A directory that changes its parent is written to; so an ordinary user needs the right to, even in its own. */
    private boolean unlock(Handle directory, Path name) throws IOException {
        try (Handle child = directory.child(name)) {
            return child != null && unlock(child);
        }
    }

    /** Gives the server, where it is an ordinary user, its rights on a directory of its own; root needs none. */
    private boolean unlock(Handle directory) throws IOException {
        Inode inode = directory.inode();
        boolean locked = inode.kind() == Kind.DIRECTORY
                && serverUid != 0
                && inode.uid() == serverUid
                && (inode.mode() & Staging.DIRECTORY_MODE) != Staging.DIRECTORY_MODE;
        if (locked) {
            directory.changeMode(Staging.DIRECTORY_MODE);
        }
        return locked;
    }

    private static boolean notEmpty(int answer) {
        return answer == -Posix.ENOTEMPTY || answer == -Posix.EEXIST;
    }

    private static void check(int answer) {
        if (answer < 0) {
            throw Failures.of(answer);
        }
    }
}
