package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.run;
import static dev.cloister.core.workspace.WorkspaceFilesContract.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** What is hostile to a server that may do more than the tenant, besides what is to any. */
class HostileTreeTest extends HostileTreeContract {
    @Override
    Fixture fixture(Path directory) throws IOException {
        return new Fixture(directory);
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aHardLinkToAnotherOwnersFileIsNotRead() throws IOException {
        Files.createLink(fixture.work("hard"), secret);
        refused(ErrorCode.FORBIDDEN, () -> fixture.read("hard"));
        assertThat(fixture.refusals)
                .singleElement()
                .satisfies(refusal -> assertThat(refusal.what()).contains("another owner"));
        // Replacing and deleting only touch the name.
        assertThat(fixture.write("hard", "mine")).isFalse();
        assertThat(fixture.read("hard")).isEqualTo("mine");
        Files.createLink(fixture.work("other"), secret);
        fixture.files.delete(path("other"));
        assertThat(Fixture.uid(secret)).isZero();
        nothingHappenedOutside();
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aDirectoryOfAnotherOwnerIsNotEntered() throws IOException {
        Path foreign = Files.createDirectory(fixture.work("foreign"));
        Files.writeString(foreign.resolve("file"), SECRET);
        refused(ErrorCode.FORBIDDEN, () -> fixture.read("foreign/file"));
        refused(ErrorCode.FORBIDDEN, () -> fixture.files.list(path("foreign"), 5));
        refused(ErrorCode.FORBIDDEN, () -> fixture.write("foreign/new", "x"));
        assertThat(foreign.resolve("new")).doesNotExist();
    }

    @Test
    void aLockedDirectoryIsReadableToRootAndAClearRefusalToAnOrdinaryUser() throws IOException {
        fixture.write("locked/file", "x");
        run("chmod", "000", fixture.work("locked").toString());
        if (Fixture.isRoot()) {
            assertThat(fixture.read("locked/file")).isEqualTo("x");
        } else {
            refused(ErrorCode.FORBIDDEN, () -> fixture.read("locked/file"));
            refused(ErrorCode.FORBIDDEN, () -> fixture.files.list(path("locked"), 5));
        }
        run("chmod", "700", fixture.work("locked").toString());
    }
}
