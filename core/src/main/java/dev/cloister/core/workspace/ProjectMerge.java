package dev.cloister.core.workspace;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Puts all that one held directory of a tenant has into another one. Nothing is ever written over, no link is followed, and
 * what is cut off at any point goes on with the next run: each step is one rename.
 */
final class ProjectMerge {
    static final String SUFFIX = ".before-migration-";
    /** Transcripts lie two levels deep; what is deeper is no transcript. */
    private static final int DEEPEST = 32;

    private static final int MOST_NAMESAKES = 1_000;

    private final boolean dryRun;
    private long files;
    private long clashes;
    private long left;

    /** @param dryRun only count */
    ProjectMerge(boolean dryRun) {
        this.dryRun = dryRun;
    }

    TranscriptMove.Merged run(Handle from, Handle to) throws IOException {
        merge(from, to, 0);
        return new TranscriptMove.Merged(files, clashes, left);
    }

    private void merge(Handle from, Handle to, int depth) throws IOException {
        try (DirectoryStream<Path> names = from.names()) {
            for (Path path : names) {
                one(from, to, path.getFileName(), depth);
            }
        }
    }

    private void one(Handle from, Handle to, Path name, int depth) throws IOException {
        Inode source = from.inode(name);
        if (source == null) {
            return;
        }
        Inode target = to.inode(name);
        if (target == null) {
            count(move(from, name, to, name));
        } else if (source.kind() == Kind.DIRECTORY && target.kind() == Kind.DIRECTORY && depth < DEEPEST) {
            deeper(from, to, name, depth);
        } else {
            clash(from, to, name, source.modifiedAt() > target.modifiedAt());
        }
    }

    private void deeper(Handle from, Handle to, Path name, int depth) throws IOException {
        try (Handle source = from.child(name);
                Handle target = to.child(name)) {
            // Asked of what is held: a name can have come to mean something else.
            if (source != null && target != null && isDirectory(source) && isDirectory(target)) {
                merge(source, target, depth + 1);
                if (!dryRun) {
                    // Not empty if something had to be left, which is counted already.
                    int ignored = from.removeDirectory(name);
                }
            } else {
                left++;
            }
        }
    }

    private static boolean isDirectory(Handle handle) throws IOException {
        return handle.inode().kind() == Kind.DIRECTORY;
    }

    /** The older is moved aside first: cut off in between, the next run finds the name free. */
    private void clash(Handle from, Handle to, Path name, boolean sourceIsNewer) throws IOException {
        clashes++;
        Path aside = beside(to, name);
        if (aside == null) {
            left++;
        } else if (sourceIsNewer) {
            count(move(to, name, to, aside) && move(from, name, to, name));
        } else {
            count(move(from, name, to, aside));
        }
    }

    private static @Nullable Path beside(Handle directory, Path name) throws IOException {
        String text = name.toString();
        if (!US_ASCII.newEncoder().canEncode(text)) {
            // No transcript has such a name, and its bytes might not survive a String.
            return null;
        }
        for (int number = 1; number <= MOST_NAMESAKES; number++) {
            Path candidate = Path.of(text + SUFFIX + number);
            if (Names.bytes(candidate).length > 255) {
                return null;
            }
            if (directory.inode(candidate) == null) {
                return candidate;
            }
        }
        return null;
    }

    private boolean move(Handle from, Path name, Handle to, Path target) {
        return dryRun || from.move(name, to, target) >= 0;
    }

    private void count(boolean moved) {
        if (moved) {
            files++;
        } else {
            left++;
        }
    }
}
