package dev.cloister.core.workspace;

import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changes tenants' trees from one way of serving them to another, while no server runs. The trees are as hostile as ever: all
 * goes by {@link Handle}s, and no link is followed. Each method can be called again after it was cut off, and then goes on.
 */
public final class WorkspaceMigration {
    private static final List<Path> WAY = List.of(Path.of("home"), Path.of(".claude"), Path.of("projects"));

    private final Path root;

    /** @param workspaces the directory of all trees, which the caller has checked */
    public WorkspaceMigration(Path workspaces) {
        this.root = workspaces.toAbsolutePath().normalize();
    }

    /** Whether anything of the tenant was ever kept here. */
    public boolean hasTree(TenantId tenant) {
        return owner(tenant) >= 0;
    }

    /** Whose the tenant's tree is; -1 if there is none. */
    public long owner(TenantId tenant) {
        try (Handle tree = tree(tenant)) {
            return tree == null ? -1 : tree.inode().uid();
        } catch (IOException e) {
            throw Failures.of(e);
        }
    }

    /**
     * Gives all of the tree that is one uid's to another. Only root may.
     *
     * @return how many files and directories keep the owner that they had: those of others, those with a further name
     *     outside the tree, and those below a depth that no program needs
     */
    public long give(TenantId tenant, long from, long to) {
        try (Handle tree = tree(tenant)) {
            return tree == null ? 0 : new OwnerChange(from, to).run(tree);
        } catch (IOException e) {
            throw Failures.of(e);
        } catch (DirectoryIteratorException e) {
            throw Failures.of(e);
        }
    }

    /**
     * Puts the transcripts of a tenant's sessions where the agent finds them in a layout.
     *
     * @param uid whose they have to be
     * @param dryRun change nothing, but answer the same
     */
    public TranscriptMove moveTranscripts(TenantId tenant, long uid, WorkspaceLayout to, boolean dryRun) {
        try (Handle tree = tree(tenant)) {
            if (tree == null) {
                return new TranscriptMove.Nothing();
            }
            if (tree.inode(Path.of(SandboxSpec.DISK)) != null) {
                return new TranscriptMove.Skipped(
                        "they are in the disk of the tenant's virtual machine, which only mode" + " microvm serves");
            }
            return below(
                    tree,
                    WAY,
                    uid,
                    projects -> move(
                            projects,
                            to.other().projectDirectory(root, tenant),
                            to.projectDirectory(root, tenant),
                            dryRun));
        } catch (IOException e) {
            throw Failures.of(e);
        } catch (DirectoryIteratorException e) {
            throw Failures.of(e);
        }
    }

    @FunctionalInterface
    private interface Work {
        TranscriptMove on(Handle directory) throws IOException;
    }

    /** Walks down from directory to directory, each the tenant's, and does something at the end of the way. */
    private static TranscriptMove below(Handle directory, List<Path> way, long uid, Work work) throws IOException {
        if (way.isEmpty()) {
            return work.on(directory);
        }
        Path name = way.getFirst();
        try (Handle next = directory.child(name)) {
            if (next == null) {
                return new TranscriptMove.Nothing();
            }
            Inode inode = next.inode();
            if (inode.kind() != Kind.DIRECTORY) {
                return new TranscriptMove.Skipped(name + " is " + kind(inode) + " instead of a directory");
            }
            if (inode.uid() != uid) {
                return new TranscriptMove.Skipped(name + " belongs to uid " + inode.uid() + " instead of " + uid);
            }
            return below(next, way.subList(1, way.size()), uid, work);
        }
    }

    private static TranscriptMove move(Handle projects, Path from, Path to, boolean dryRun) throws IOException {
        try (Handle source = projects.child(from);
                Handle target = projects.child(to)) {
            if (source == null) {
                return new TranscriptMove.Nothing();
            }
            Inode found = source.inode();
            if (found.kind() != Kind.DIRECTORY) {
                return new TranscriptMove.Skipped("the transcripts' directory is " + kind(found));
            }
            if (target == null) {
                int answer = dryRun ? 0 : projects.move(from, projects, to);
                return answer < 0 ? refused(answer) : new TranscriptMove.Renamed();
            }
            Inode standing = target.inode();
            if (standing.kind() != Kind.DIRECTORY) {
                return new TranscriptMove.Skipped(
                        "where the transcripts belong stands " + kind(standing) + " instead of a directory");
            }
            TranscriptMove.Merged merged = new ProjectMerge(dryRun).run(source, target);
            if (!dryRun) {
                // Not empty if something had to be left, which is counted.
                int ignored = projects.removeDirectory(from);
            }
            return merged;
        }
    }

    private static TranscriptMove refused(int answer) {
        return new TranscriptMove.Skipped(String.valueOf(Failures.of(answer).getMessage()));
    }

    private static String kind(Inode inode) {
        return switch (inode.kind()) {
            case FILE -> "a file";
            case DIRECTORY -> "a directory";
            case LINK -> "a symbolic link";
            case OTHER -> "a special file";
        };
    }

    /** Null if there is none; what is no directory there is none of the server's making. */
    private @Nullable Handle tree(TenantId tenant) throws IOException {
        if (!Files.isDirectory(root)) {
            return null;
        }
        try (Handle here = Handle.ofOwn(root)) {
            Handle found = here.child(Path.of(tenant.value()));
            if (found != null && found.inode().kind() != Kind.DIRECTORY) {
                found.close();
                return null;
            }
            return found;
        }
    }
}
