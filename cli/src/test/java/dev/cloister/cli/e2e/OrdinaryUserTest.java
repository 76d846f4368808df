package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;

/** A server that cannot keep tenants apart says so and serves one; and no server starts on directories that are not safe. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class OrdinaryUserTest {
    private static final long USER = 12_345;
    private static final String REMEDY = "Run the server as root";

    private Path directory;
    private CommandProcess user;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void copy() throws Exception {
        directory = ServerProcess.directory();
        user = CommandProcess.as(USER, directory);
    }

    @AfterAll
    void remove() throws Exception {
        ServerProcess.remove(directory);
    }

    /** A directory of the user's own for one server. */
    private Path own(String name) throws Exception {
        Path own = Files.createDirectory(directory.resolve(name));
        Files.setAttribute(own, "unix:uid", (int) USER);
        Files.setAttribute(own, "unix:gid", (int) USER);
        return own;
    }

    @Test
    void servesOneTenantAndRefusesTheSecond() throws Exception {
        Path own = own("one");
        try (ServerProcess server = ServerProcess.start(user, own, Map.of())) {
            assertThat(server.out()).contains(REMEDY);
            works(server, "a");
            assertThat(server.get("a", "/v1/files/").headers().firstValue("cloister-warning"))
                    .isPresent();
            HttpResponse<String> refused = server.say("b", "hello");
            assertThat(refused.statusCode()).isEqualTo(403);
            assertThat(refused.body()).contains("takes no second tenant").contains(REMEDY);
            assertThat(server.exec("a", "id -u").path("stdout").asString().strip())
                    .isEqualTo(Long.toString(USER));

            CommandProcess.Ended second = user.run(ServerProcess.arguments(own.resolve("d"), Map.of()));
            assertThat(second.exit()).as("a second server on the same data").isEqualTo(1);
            assertThat(second.err()).contains("a server runs on the data directory " + own.resolve("d") + " already");

            endsWithTheServer(server);
        }
    }

    private static void endsWithTheServer(ServerProcess server) throws Exception {
        String one = Processes.sleepLength();
        String two = Processes.sleepLength();
        var _ = server.http()
                .sendAsync(
                        server.request("a", "/v1/exec")
                                .header("content-type", "application/json")
                                .POST(BodyPublishers.ofString("{\"command\":[\"/bin/sh\",\"-c\",\"setsid sleep " + one
                                        + " & sleep " + two + "\"]}"))
                                .build(),
                        BodyHandlers.ofString());
        Until.holds(
                "it sleeps",
                Duration.ofSeconds(30),
                () -> !Processes.withArgument(one).isEmpty()
                        && !Processes.withArgument(two).isEmpty());

        server.kill();

        Until.holds(
                "no process", Duration.ofSeconds(3), () -> Processes.ofUid(USER).isEmpty());
    }

    @Test
    void admitsTheSecondWhereTheOperatorAcceptsIt() throws Exception {
        Path own = own("two");
        try (ServerProcess server = ServerProcess.start(user, own, Map.of("isolation.accept-weak", "true"))) {
            works(server, "a");
            works(server, "b");
            for (String path : List.of("/healthz", "/v1/files/", "/v1/usage", "/v1/sessions", "/nowhere")) {
                assertThat(server.get("b", path).headers().firstValue("cloister-warning"))
                        .as(path)
                        .isPresent();
            }
            assertThat(server.say("b", "hello").headers().firstValue("cloister-warning"))
                    .isPresent();
        }
        CommandProcess.Ended again = user.run(ServerProcess.arguments(own.resolve("d"), Map.of()));
        assertThat(again.exit())
                .as("two tenants in the store, and no leave to serve them")
                .isEqualTo(1);
        assertThat(again.err()).contains("takes no second tenant").contains(REMEDY);
    }

    @Test
    void demoSaysWhatIsMissing() throws Exception {
        CommandProcess.Ended demo = user.run(List.of("demo"));

        assertThat(demo.exit()).as(demo.out() + demo.err()).isEqualTo(2);
        assertThat(demo.out())
                .contains("A's own turn: HTTP 200")
                .contains("was refused: HTTP 403")
                .contains("This host has no wall between tenants")
                .contains(REMEDY);
    }

    @Test
    void requiredGuaranteesStopTheStart() throws Exception {
        CommandProcess.Ended refused = user.run(ServerProcess.arguments(
                own("required").resolve("d"), Map.of("isolation.require", "FILES_OF_OTHERS_UNREADABLE")));

        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err())
                .contains("isolation.require: these do not hold in mode directories on this host:"
                        + " [FILES_OF_OTHERS_UNREADABLE]")
                .contains(REMEDY);
    }

    @Test
    void aDataDirectoryThatOthersCanEnter() throws Exception {
        Path own = own("open");
        Path data = own.resolve("d");
        Files.createDirectory(data);
        Files.setAttribute(data, "unix:uid", (int) USER);
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxr-xr-x"));

        CommandProcess.Ended refused = user.run(ServerProcess.arguments(data, Map.of()));

        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err()).contains(data.toString()).contains("0700").contains("chmod 700 " + data);
    }

    @Test
    void workspacesWhereTenantsCannotWalk() throws Exception {
        Path closed = Files.createDirectory(directory.resolve("closed"));
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
        Path data = Files.createDirectories(closed.resolve("deeper")).resolve("d");

        CommandProcess.Ended refused = CommandProcess.here(directory).run(ServerProcess.arguments(data, Map.of()));

        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err())
                .contains("the workspaces cannot be kept safely: " + closed + " cannot be entered by tenants' uids")
                .contains("chmod o+x " + closed);
    }

    private static void works(ServerProcess server, String token) throws Exception {
        assertThat(server.send("PUT", token, "/v1/files/note.txt", "kept").statusCode())
                .isEqualTo(201);
        assertThat(server.play(token, TestServer.bash("cat note.txt"))
                        .path(0)
                        .path("content")
                        .asString())
                .contains("kept");
        assertThat(server.exec(token, "cat note.txt").path("stdout").asString()).isEqualTo("kept");
        assertThat(server.send("DELETE", token, "/v1/files/note.txt", "").statusCode())
                .isEqualTo(204);
    }
}
