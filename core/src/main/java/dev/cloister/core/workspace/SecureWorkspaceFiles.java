package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * The files of a tenant that may be changing them at this moment, to do harm.
 *
 * <p>Every component is first held (see {@link Handle}), then judged, then used through the hold: what was judged is what is
 * used, so no race is left. A component is refused if it is a link or belongs to another uid, which is reported; a FIFO, a
 * socket or a device is never opened. New content and new directories come from staging by a rename, with owner and mode
 * already right; nothing in the tenant's tree is ever opened for writing, and no owner is ever changed there.
 *
 * <p>Thread-safe; it holds nothing between calls. Nothing here waits for the tenant, so any thread may call it.
 */
final class SecureWorkspaceFiles implements WorkspaceFiles {
    /** How often a write starts again because directories of its path were deleted under it. */
    private static final int ATTEMPTS = 16;

    private final Workspace workspace;
    private final WorkspaceRoot root;

    SecureWorkspaceFiles(Workspace workspace, WorkspaceRoot root) {
        this.workspace = workspace;
        this.root = root;
    }

    @Override
    public Entry stat(List<String> path) {
        if (path.isEmpty()) {
            try (Handle work = root.work(workspace)) {
                return work.inode().entry("");
            } catch (IOException e) {
                throw Failures.of(e);
            }
        }
        try (Handle directory = directory(parent(path))) {
            Inode inode = directory.inode(Names.of(path.getLast()));
            if (inode == null) {
                throw Failures.notFound();
            }
            return inode.entry(path.getLast());
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    @Override
    public Entry target(List<String> path) throws IOException {
        Entry entry = stat(path);
        if (entry.kind() == Kind.LINK) {
            throw link(Guarantee.FILES_OF_OTHERS_UNREADABLE);
        }
        return entry;
    }

    @Override
    public List<Entry> list(List<String> path, int limit) {
        try (Handle directory = directory(path)) {
            List<Entry> entries = new ArrayList<>();
            for (Path name : firstNames(directory, limit)) {
                Inode inode = directory.inode(name);
                // What was deleted since its name was read is not listed.
                if (inode != null) {
                    entries.add(inode.entry(name.toString()));
                }
            }
            return List.copyOf(entries);
        } catch (DirectoryIteratorException e) {
            throw Failures.of(e);
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private static List<Path> firstNames(Handle directory, int limit) throws IOException {
        PriorityQueue<Path> first = new PriorityQueue<>(Comparator.<Path>reverseOrder());
        int seen = 0;
        try (DirectoryStream<Path> names = directory.names()) {
            for (Path path : names) {
                if (++seen > Failures.MOST_NAMES) {
                    throw Failures.manyNames();
                }
                first.add(path.getFileName());
                if (first.size() > limit) {
                    first.remove();
                }
            }
        }
        return first.stream().sorted().toList();
    }

    @Override
    public Content read(List<String> path) {
        if (path.isEmpty()) {
            throw Failures.workspaceAsFile();
        }
        try (Handle directory = directory(parent(path));
                Handle file = directory.child(Names.of(path.getLast()))) {
            if (file == null) {
                throw Failures.notFound();
            }
            Inode inode = file.inode();
            refuseForeign(inode, Guarantee.FILES_OF_OTHERS_UNREADABLE);
            return switch (inode.kind()) {
                case FILE -> content(file.read());
                case DIRECTORY -> throw Failures.directoryToRead();
                case LINK -> throw link(Guarantee.FILES_OF_OTHERS_UNREADABLE);
                case OTHER -> throw Failures.specialToRead();
            };
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private static Content content(SeekableByteChannel channel) throws IOException {
        boolean good = false;
        try {
            Content content = new Content(channel.size(), Channels.newInputStream(channel));
            good = true;
            return content;
        } finally {
            if (!good) {
                channel.close();
            }
        }
    }

    /**
     * {@inheritDoc}
     *
     * <p>The content is on the disk before the file takes its name. A link seen at the name is refused; one put there at
     * the last moment is replaced, never followed.
     */
    @Override
    public boolean write(List<String> path, InputStream content, long maxBytes, boolean executable) throws IOException {
        if (path.isEmpty()) {
            throw Failures.workspaceAsFile();
        }
        Path name = Names.of(path.getLast());
        Path staged = root.staging(workspace).fileFor(workspace.uid(), content, maxBytes, executable);
        boolean moved = false;
        try (Handle staging = root.staging(workspace).hold()) {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                try (Handle directory = directoryMade(staging, parent(path))) {
                    if (directory == null) {
                        continue;
                    }
                    boolean exists = replaceable(directory.inode(name));
                    int answer = staging.move(staged, directory, name);
                    if (answer >= 0) {
                        moved = true;
                        return !exists;
                    }
                    if (answer != -Posix.ENOENT) {
                        throw Failures.of(answer);
                    }
                }
            }
            throw Failures.changing();
        } catch (IOException e) {
            throw Failures.of(e);
        } finally {
            if (!moved) {
                root.staging(workspace).discard(staged);
            }
        }
    }

    private boolean replaceable(@Nullable Inode inode) {
        if (inode == null) {
            return false;
        }
        return switch (inode.kind()) {
            case FILE -> true;
            case DIRECTORY -> throw Failures.directoryToReplace();
            case LINK -> throw link(Guarantee.FILES_OF_OTHERS_UNWRITABLE);
            case OTHER -> throw Failures.specialToReplace();
        };
    }

    @Override
    public void delete(List<String> path) {
        if (path.isEmpty()) {
            throw Failures.workspaceDeleted();
        }
        try (Handle directory = directory(parent(path))) {
            root.purge(workspace).delete(directory, Names.of(path.getLast()));
        } catch (DirectoryIteratorException e) {
            throw Failures.of(e);
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    private static List<String> parent(List<String> path) {
        return path.subList(0, path.size() - 1);
    }

    /** The directory at a path, held; the caller closes it. */
    private Handle directory(List<String> path) throws IOException {
        Handle current = root.work(workspace);
        for (String component : path) {
            try (Handle above = current) {
                current = judged(above.child(Names.of(component)));
            }
        }
        return current;
    }

    /** The same, with what is missing made; null if a directory was deleted while its child was being made. */
    private @Nullable Handle directoryMade(Handle staging, List<String> path) throws IOException {
        Handle current = root.work(workspace);
        for (String component : path) {
            try (Handle above = current) {
                Path name = Names.of(component);
                Handle found = above.child(name);
                if (found == null && make(staging, above, name)) {
                    found = above.child(name);
                }
                if (found == null) {
                    return null;
                }
                current = judged(found);
            }
        }
        return current;
    }

    /** Returns false if the directory above is gone. If something stands there by now, that stays. */
    private boolean make(Handle staging, Handle above, Path name) throws IOException {
        Path staged = root.staging(workspace).directoryFor(workspace.uid());
        int answer = staging.move(staged, above, name);
        if (answer >= 0) {
            return true;
        }
        root.staging(workspace).discard(staged);
        return switch (-answer) {
            case Posix.ENOENT -> false;
            case Posix.ENOTEMPTY, Posix.EEXIST, Posix.ENOTDIR -> true;
            default -> throw Failures.of(answer);
        };
    }

    /** Passes on a handle that holds a directory of the tenant; closes and refuses any other. */
    private Handle judged(@Nullable Handle found) throws IOException {
        if (found == null) {
            throw Failures.notFound();
        }
        boolean good = false;
        try {
            Inode inode = found.inode();
            switch (inode.kind()) {
                case DIRECTORY -> refuseForeign(inode, Guarantee.FILES_OF_OTHERS_UNREADABLE);
                case LINK -> throw link(Guarantee.FILES_OF_OTHERS_UNREADABLE);
                case FILE, OTHER -> throw Failures.noDirectory();
            }
            good = true;
            return found;
        } finally {
            if (!good) {
                found.close();
            }
        }
    }

    private CloisterException link(Guarantee guarantee) {
        root.report(workspace.tenant(), guarantee, "a symbolic link on the path of a file request");
        return Failures.link();
    }

    private void refuseForeign(Inode inode, Guarantee guarantee) {
        if (inode.uid() != workspace.uid()) {
            root.report(workspace.tenant(), guarantee, "a file of another owner on the path of a file request");
            throw new CloisterException(
                    ErrorCode.FORBIDDEN, "what stands on the path belongs to somebody else; delete it or name another");
        }
    }
}
