package dev.cloister.core.testing;

import dev.cloister.core.workspace.WorkspaceRoot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Workspaces in a directory of the test's, under the uid that runs it. */
public final class TestWorkspaces {
    /** The tenant's uid where the test runs as root. */
    public static final long ROOTS_TENANT = 731_002;

    private TestWorkspaces() {}

    /** The uid that owns what this process makes. */
    public static long serverUid() throws IOException {
        return Integer.toUnsignedLong((Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
    }

    /** A uid that a tenant can have here: its own as root, else that of the server. */
    public static long tenantUid() throws IOException {
        return serverUid() == 0 ? ROOTS_TENANT : serverUid();
    }

    public static WorkspaceRoot in(Path directory) throws IOException {
        // A server as root lets tenants walk to their trees, and insists that they can.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        WorkspaceRoot root =
                new WorkspaceRoot(directory.resolve("workspaces"), serverUid(), (tenant, guarantee, what) -> {});
        root.prepare();
        return root;
    }
}
