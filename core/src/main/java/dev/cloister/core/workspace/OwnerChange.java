package dev.cloister.core.workspace;

import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Gives a tenant's tree from one uid to another. Only for root, and while nothing of the tenant runs.
 *
 * <p>The tenant made the tree, and made it while it had the uid of others: what is not the old uid's is left alone, and so is
 * a file of which a further name stands outside the tree, for it may be somebody else's. No link is followed. The topmost
 * directory comes last: as long as it is the old uid's, there is something to do.
 */
final class OwnerChange {
    /** Two descriptors are held for each level. */
    private static final int DEEPEST = 300;

    private static final int MOST_LINKED = 1_000_000;

    private final long from;
    private final long to;
    private final Map<Long, Integer> names = new HashMap<>();
    private long left;

    OwnerChange(long from, long to) {
        this.from = from;
        this.to = to;
    }

    /** Runs once; returns how many files and directories keep the owner that they had. */
    long run(Handle tree) throws IOException {
        countNames(tree, 0);
        change(tree, 0);
        return left;
    }

    private void countNames(Handle directory, int depth) throws IOException {
        try (DirectoryStream<Path> children = directory.names()) {
            for (Path path : children) {
                try (Handle child = directory.child(path.getFileName())) {
                    if (child == null) {
                        continue;
                    }
                    if (child.inode().kind() == Kind.DIRECTORY) {
                        if (depth < DEEPEST) {
                            countNames(child, depth + 1);
                        }
                    } else {
                        Handle.Linked linked = child.linked();
                        if (linked.names() > 1 && names.size() < MOST_LINKED) {
                            names.merge(linked.inode(), 1, Integer::sum);
                        }
                    }
                }
            }
        }
    }

    private void change(Handle directory, int depth) throws IOException {
        try (DirectoryStream<Path> children = directory.names()) {
            for (Path path : children) {
                try (Handle child = directory.child(path.getFileName())) {
                    if (child != null) {
                        changeChild(child, depth);
                    }
                }
            }
        }
        give(directory, directory.inode());
    }

    private void changeChild(Handle child, int depth) throws IOException {
        Inode inode = child.inode();
        if (inode.kind() != Kind.DIRECTORY) {
            Handle.Linked linked = child.linked();
            if (linked.names() > 1 && names.getOrDefault(linked.inode(), 0) != linked.names()) {
                left++;
            } else {
                give(child, inode);
            }
        } else if (depth < DEEPEST) {
            change(child, depth + 1);
        } else {
            left++;
        }
    }

    private void give(Handle held, Inode inode) throws IOException {
        if (inode.uid() == from) {
            held.changeOwner(to);
        } else if (inode.uid() != to) {
            left++;
        }
    }
}
