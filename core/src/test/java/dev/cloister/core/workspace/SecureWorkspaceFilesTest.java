package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SecureWorkspaceFilesTest extends WorkspaceFilesContract {
    @Override
    Fixture fixture(Path directory) throws IOException {
        return new Fixture(directory);
    }

    @Test
    void aThousandOperationsLeaveNoDescriptorOpen() throws IOException {
        fixture.write("warm/up", "x");
        int before = Fixture.openDescriptors();
        for (int i = 0; i < 200; i++) {
            fixture.write("a/b/" + i, "x");
            fixture.read("a/b/" + i);
            fixture.files.list(path("a/b"), 5);
            fixture.files.stat(path("a/b/" + i));
            refused(ErrorCode.NOT_FOUND, () -> fixture.read("a/c/d"));
            refused(ErrorCode.CONFLICT, () -> fixture.write("a/b", "x"));
            fixture.files.delete(path("a"));
        }
        // Other threads of the virtual machine open a few of their own.
        assertThat(Fixture.openDescriptors()).isLessThan(before + 20);
    }
}
