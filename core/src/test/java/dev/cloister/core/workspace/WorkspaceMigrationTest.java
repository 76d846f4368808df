package dev.cloister.core.workspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Transcripts and owners on real trees, those of a hostile tenant included. */
class WorkspaceMigrationTest {
    @TempDir
    private Path temporary;

    private Fixture fixture;
    private WorkspaceMigration migration;
    private Path projects;
    private String hostName;

    @BeforeEach
    void prepare() throws IOException {
        fixture = new Fixture(temporary);
        migration = new WorkspaceMigration(fixture.workspaces);
        projects = fixture.workspace.home().resolve(".claude/projects");
        hostName = WorkspaceLayout.projectName(
                fixture.workspace.work().toRealPath().toString());
    }

    /** Makes a directory below HOME, with those above it, as the tenant would. */
    private Path directory(Path path) throws IOException {
        Path step = fixture.workspace.home();
        for (Path name : fixture.workspace.home().relativize(path)) {
            step = step.resolve(name);
            if (!Files.exists(step, LinkOption.NOFOLLOW_LINKS)) {
                Fixture.tenants(Files.createDirectory(step));
            }
        }
        return path;
    }

    private Path file(Path path, String content) throws IOException {
        directory(path.resolve("..").normalize());
        return Fixture.tenants(Files.writeString(path, content));
    }

    private TranscriptMove move(WorkspaceLayout to) {
        return migration.moveTranscripts(Fixture.TENANT, Fixture.TENANT_UID, to, false);
    }

    @Test
    void namesAreMadeAsTheAgentMakesThem() {
        assertThat(WorkspaceLayout.projectName("/workspace")).isEqualTo("-workspace");
        assertThat(WorkspaceLayout.projectName("/var/lib/clö.x_y/\uD83D\uDE00")).isEqualTo("-var-lib-cl--x-y---");
        String longest = "/" + "a".repeat(199);
        assertThat(WorkspaceLayout.projectName(longest)).isEqualTo("-" + "a".repeat(199));
        assertThat(WorkspaceLayout.projectName(longest + "b"))
                .isEqualTo(
                        "-" + "a".repeat(199) + "-" + Long.toString(Math.abs((long) (longest + "b").hashCode()), 36));
    }

    @Test
    void everyModeHasALayout() {
        for (IsolationMode mode : IsolationMode.values()) {
            WorkspaceLayout layout = WorkspaceLayout.of(mode);
            assertThat(WorkspaceLayout.of(layout.usualMode())).isEqualTo(layout);
            assertThat(layout.other().other()).isEqualTo(layout);
            assertThat(WorkspaceLayout.of(layout.id())).contains(layout);
        }
    }

    @Test
    void whatIsInADiskIsNotLookedFor() throws IOException {
        file(projects.resolve(hostName).resolve("s.jsonl"), "from before");
        Fixture.tenants(Files.createFile(fixture.workspace.root().resolve("disk")));
        assertThat(move(WorkspaceLayout.FIXED_PATHS))
                .isInstanceOfSatisfying(
                        TranscriptMove.Skipped.class,
                        skipped -> assertThat(skipped.why()).contains("virtual machine"));
        assertThat(projects.resolve(hostName).resolve("s.jsonl")).hasContent("from before");
    }

    @Test
    void transcriptsGoThereAndBack() throws IOException {
        file(projects.resolve(hostName).resolve("s.jsonl"), "history");

        assertThat(migration.moveTranscripts(Fixture.TENANT, Fixture.TENANT_UID, WorkspaceLayout.FIXED_PATHS, true))
                .isEqualTo(new TranscriptMove.Renamed());
        assertThat(projects.resolve(hostName)).exists();
        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isEqualTo(new TranscriptMove.Renamed());
        assertThat(projects.resolve("-workspace/s.jsonl")).hasContent("history");
        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isEqualTo(new TranscriptMove.Nothing());
        assertThat(move(WorkspaceLayout.HOST_PATHS)).isEqualTo(new TranscriptMove.Renamed());
        assertThat(projects.resolve(hostName).resolve("s.jsonl")).hasContent("history");
    }

    @Test
    void whoHasNothingHasNothingToMove() {
        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isEqualTo(new TranscriptMove.Nothing());
        assertThat(migration.hasTree(Fixture.TENANT)).isTrue();
        assertThat(new WorkspaceMigration(temporary.resolve("none")).hasTree(Fixture.TENANT))
                .isFalse();
    }

    @Test
    void twoDirectoriesBecomeOneAndNothingIsLost() throws IOException {
        Path from = projects.resolve(hostName);
        Path to = projects.resolve("-workspace");
        file(from.resolve("only-here.jsonl"), "1");
        file(from.resolve("newer-here.jsonl"), "2 new");
        Files.setLastModifiedTime(file(to.resolve("newer-here.jsonl"), "2 old"), FileTime.fromMillis(1_000));
        Files.setLastModifiedTime(file(from.resolve("older-here.jsonl"), "3 old"), FileTime.fromMillis(1_000));
        file(to.resolve("older-here.jsonl"), "3 new");
        file(from.resolve("sub/agent.jsonl"), "4");
        file(to.resolve("sub/other.jsonl"), "5");
        TranscriptMove.Merged expected = new TranscriptMove.Merged(4, 2, 0);

        assertThat(migration.moveTranscripts(Fixture.TENANT, Fixture.TENANT_UID, WorkspaceLayout.FIXED_PATHS, true))
                .isEqualTo(expected);
        assertThat(from.resolve("sub/agent.jsonl")).exists();
        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isEqualTo(expected);

        assertThat(from).doesNotExist();
        assertThat(to.resolve("only-here.jsonl")).hasContent("1");
        assertThat(to.resolve("newer-here.jsonl")).hasContent("2 new");
        assertThat(to.resolve("newer-here.jsonl.before-migration-1")).hasContent("2 old");
        assertThat(to.resolve("older-here.jsonl")).hasContent("3 new");
        assertThat(to.resolve("older-here.jsonl.before-migration-1")).hasContent("3 old");
        assertThat(to.resolve("sub/agent.jsonl")).hasContent("4");
        assertThat(to.resolve("sub/other.jsonl")).hasContent("5");
    }

    @Test
    void aMergeThatWasCutOffGoesOn() throws IOException {
        Path from = projects.resolve(hostName);
        Path to = projects.resolve("-workspace");
        // As it stands after the older was put aside and before the newer took its name.
        file(from.resolve("s.jsonl"), "new");
        file(to.resolve("s.jsonl.before-migration-1"), "old");

        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isEqualTo(new TranscriptMove.Merged(1, 0, 0));

        assertThat(to.resolve("s.jsonl")).hasContent("new");
        assertThat(to.resolve("s.jsonl.before-migration-1")).hasContent("old");
        assertThat(from).doesNotExist();
    }

    @Test
    void linksOnTheWayAreNotFollowed() throws IOException {
        Path outside =
                Files.createDirectories(fixture.outside.resolve("projects").resolve(hostName));
        Path claude = directory(fixture.workspace.home().resolve(".claude"));
        Fixture.tenants(Files.createSymbolicLink(projects, fixture.outside.resolve("projects")));
        assertSkipped("symbolic link");

        Files.delete(projects);
        Files.delete(claude);
        Fixture.tenants(Files.createSymbolicLink(claude, fixture.outside));
        assertSkipped("symbolic link");

        Files.delete(claude);
        directory(projects);
        Fixture.tenants(Files.createSymbolicLink(projects.resolve(hostName), outside));
        assertSkipped("symbolic link");

        Files.delete(projects.resolve(hostName));
        file(projects.resolve(hostName).resolve("s.jsonl"), "mine");
        Fixture.tenants(Files.createSymbolicLink(projects.resolve("-workspace"), outside));
        assertSkipped("symbolic link");
        assertThat(outside).isEmptyDirectory();
        assertThat(fixture.outside.resolve("projects")).isDirectoryContaining("glob:**" + hostName);
    }

    @Test
    void aFifoInTheWayBlocksNobody() throws IOException {
        directory(fixture.workspace.home().resolve(".claude"));
        Fixture.run("mkfifo", projects.toString());
        Fixture.tenants(projects);
        assertSkipped("special file");
    }

    @Test
    void linksInsideAMergeAreMovedAndNotFollowed() throws IOException {
        Path target = Files.createDirectory(fixture.outside.resolve("target"));
        file(projects.resolve(hostName).resolve("sub/inner"), "x");
        directory(projects.resolve("-workspace"));
        Fixture.tenants(Files.createSymbolicLink(projects.resolve("-workspace/sub"), target));

        assertThat(move(WorkspaceLayout.FIXED_PATHS)).isInstanceOfSatisfying(TranscriptMove.Merged.class, merged -> {
            assertThat(merged.clashes()).isEqualTo(1);
            assertThat(merged.left()).isZero();
        });
        assertThat(target).isEmptyDirectory();
        assertThat(Files.exists(projects.resolve(hostName))).isFalse();
    }

    private void assertSkipped(String why) {
        assertThat(move(WorkspaceLayout.FIXED_PATHS))
                .isInstanceOfSatisfying(
                        TranscriptMove.Skipped.class,
                        skipped -> assertThat(skipped.why()).contains(why));
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aTreeChangesHandsAndWhatIsNotTheTenantsAloneDoesNot() throws IOException {
        long next = Fixture.TENANT_UID + 1;
        Path work = fixture.workspace.work();
        Path mine = file(fixture.workspace.home().resolve("deep/er/file"), "x");
        Path twice = Files.createLink(work.resolve("twice"), mine);
        Path theirs = Fixture.tenants(Files.writeString(fixture.outside.resolve("theirs"), "x"));
        Path stolen = Files.createLink(work.resolve("stolen"), theirs);
        Path link = Fixture.tenants(Files.createSymbolicLink(work.resolve("link"), theirs));
        Path foreign = Files.writeString(work.resolve("foreign"), "x");
        Fixture.run("mkfifo", work.resolve("fifo").toString());
        Fixture.tenants(work.resolve("fifo"));
        Path closed = directory(fixture.workspace.home().resolve("closed"));
        Files.setAttribute(closed, "unix:mode", 0);

        assertThat(migration.give(Fixture.TENANT, Fixture.TENANT_UID, next)).isEqualTo(2);

        assertThat(migration.owner(Fixture.TENANT)).isEqualTo(next);
        assertThat(Fixture.uid(mine)).isEqualTo(next);
        assertThat(Fixture.uid(twice)).isEqualTo(next);
        assertThat(Fixture.uid(link)).isEqualTo(next);
        assertThat(Fixture.uid(work.resolve("fifo"))).isEqualTo(next);
        assertThat(Fixture.uid(closed)).isEqualTo(next);
        assertThat(Fixture.uid(stolen)).isEqualTo(Fixture.TENANT_UID);
        assertThat(Fixture.uid(theirs)).isEqualTo(Fixture.TENANT_UID);
        assertThat(Fixture.uid(foreign)).isZero();
        assertThat(fixture.root.open(Fixture.TENANT, next).uid()).isEqualTo(next);
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aChangeOfHandsThatWasCutOffGoesOn() throws IOException {
        long next = Fixture.TENANT_UID + 1;
        Path done = file(fixture.workspace.home().resolve("done"), "x");
        Path open = file(fixture.workspace.home().resolve("open"), "x");
        Fixture.own(done, next);

        assertThat(migration.give(Fixture.TENANT, Fixture.TENANT_UID, next)).isZero();

        assertThat(Fixture.uid(done)).isEqualTo(next);
        assertThat(Fixture.uid(open)).isEqualTo(next);
        assertThat(migration.give(Fixture.TENANT, Fixture.TENANT_UID, next)).isZero();
    }

    @Test
    @EnabledIf("dev.cloister.core.workspace.Fixture#isRoot")
    void aVeryDeepTreeStopsNobody() throws IOException {
        Fixture.run(
                "/bin/sh",
                "-c",
                "cd " + fixture.workspace.work() + " && i=0; while [ $i -lt 400 ]; do mkdir d; chown "
                        + Fixture.TENANT_UID + " d; cd d; i=$((i+1)); done");

        int before = Fixture.openDescriptors();
        assertThat(migration.give(Fixture.TENANT, Fixture.TENANT_UID, Fixture.TENANT_UID + 1))
                .isEqualTo(1);
        // Fewer, if the collector closed something of another test's meanwhile.
        assertThat(Fixture.openDescriptors()).isLessThanOrEqualTo(before);
    }
}
