package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.WorkspaceFilesContract.refused;

import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The same trees, seen by programs of the tenant's own sandbox. */
class SandboxHostileTreeTest extends HostileTreeContract {
    @Override
    Fixture fixture(Path directory) throws IOException {
        return Fixture.inSandbox(directory);
    }

    @Test
    void whatTheTenantLockedIsLockedToTheServerToo() throws IOException {
        fixture.write("locked/file", "x");
        run("chmod", "000", fixture.work("locked").toString());
        refused(ErrorCode.FORBIDDEN, () -> fixture.read("locked/file"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.list(path("locked"), 5));
        refused(ErrorCode.FORBIDDEN, () -> fixture.write("locked/other", "x"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.delete(path("locked/file")));
        run("chmod", "700", fixture.work("locked").toString());
    }
}
