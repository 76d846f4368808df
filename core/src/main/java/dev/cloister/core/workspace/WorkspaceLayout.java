package dev.cloister.core.workspace;

import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Which paths the agent sees. They matter beyond one turn: the agent files a session's transcript under the path of its
 * working directory, and finds it only there.
 */
public enum WorkspaceLayout {
    /** Those of the host: every tenant's differ. */
    HOST_PATHS(IsolationMode.DIRECTORIES),
    /** The same for every tenant: {@code /workspace}. */
    FIXED_PATHS(IsolationMode.NAMESPACES);

    private static final String FIXED_WORK = "/workspace";
    /** A longer name is cut there, and the path's hash put behind it. */
    private static final int LONGEST_NAME = 200;

    private final IsolationMode usual;

    WorkspaceLayout(IsolationMode usual) {
        this.usual = usual;
    }

    public static WorkspaceLayout of(IsolationMode mode) {
        return switch (mode) {
            case DIRECTORIES -> HOST_PATHS;
            case NAMESPACES, CHROOT, CONTAINER, MICROVM -> FIXED_PATHS;
        };
    }

    /** The name used in the store and in answers. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    public static Optional<WorkspaceLayout> of(String id) {
        return Stream.of(values()).filter(layout -> layout.id().equals(id)).findFirst();
    }

    /** A mode in which data of this layout can be served as it is: the one to name to an operator. */
    public IsolationMode usualMode() {
        return usual;
    }

    public WorkspaceLayout other() {
        return switch (this) {
            case HOST_PATHS -> FIXED_PATHS;
            case FIXED_PATHS -> HOST_PATHS;
        };
    }

    /**
     * The directory in {@code HOME/.claude/projects} in which the agent keeps the transcripts of a tenant's sessions.
     *
     * @param workspaces the directory of all trees; links in it count as what they point to, as the agent sees it
     */
    Path projectDirectory(Path workspaces, TenantId tenant) throws IOException {
        String work = switch (this) {
            case HOST_PATHS ->
                workspaces
                        .toRealPath()
                        .resolve(tenant.value())
                        .resolve(WorkspaceRoot.WORK)
                        .toString();
            case FIXED_PATHS -> FIXED_WORK;
        };
        return Path.of(projectName(work));
    }

    /** As the agent's pinned version makes it; {@code MigrationTest} holds that against the real one. */
    static String projectName(String work) {
        StringBuilder name = new StringBuilder(work.length());
        for (int i = 0; i < work.length(); i++) {
            // By UTF-16 units, as a JavaScript pattern without the flag u goes.
            char unit = work.charAt(i);
            boolean kept = (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z') || (unit >= '0' && unit <= '9');
            name.append(kept ? unit : '-');
        }
        return name.length() <= LONGEST_NAME
                ? name.toString()
                : name.substring(0, LONGEST_NAME) + "-" + Long.toString(Math.abs((long) work.hashCode()), 36);
    }
}
