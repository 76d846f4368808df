package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** A server that cannot keep tenants apart says so and serves one; and no server starts on directories that are not safe. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class OrdinaryUserTest {
    private static final long USER = 12_345;
    private static final Map<String, String> DIRECTORIES = Map.of("isolation.mode", "directories");
    private static final String REMEDY = "Run the server as root";

    private Path directory;
    private CommandProcess user;
    /** The same user on a kernel without Landlock. */
    private CommandProcess bare;

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeAll
    void copy() throws Exception {
        directory = ServerProcess.directory();
        user = CommandProcess.as(USER, directory);
        Path program = directory.resolve("without-landlock");
        CommandProcess.run("cc", "-static", "-o", program.toString(), "../launcher/test/without_landlock.c");
        bare = user.behind(program);
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

    /** Landlock or namespaces stand in for the uids that only root can give. */
    @ParameterizedTest
    @ValueSource(strings = {"directories", "namespaces"})
    void keepsTenantsApart(String mode) throws Exception {
        Path own = own("apart-" + mode);
        try (ServerProcess server = ServerProcess.start(user, own, Map.of("isolation.mode", mode))) {
            works(server, "a");
            works(server, "b");
            assertThat(server.get("b", "/v1/files/").headers().firstValue("cloister-warning"))
                    .isEmpty();
            assertThat(server.send("PUT", "a", "/v1/files/secret", "of a").statusCode())
                    .isEqualTo(201);
            Path secret = treeWith(server, "work/secret").resolve("work/secret");
            JsonNode read = server.exec("b", "cat " + secret + "; ls " + secret.getParent() + "; id -u");
            assertThat(read.path("stdout").asString().strip()).isEqualTo(Long.toString(USER));
            assertThat(server.exec("b", "echo x > " + secret).path("exit_code").asInt())
                    .isNotZero();
            assertThat(secret).hasContent("of a");

            endsWithTheServer(server);
        }
    }

    private static Path treeWith(ServerProcess server, String file) throws IOException {
        try (Stream<Path> trees = Files.list(server.workspaces())) {
            return trees.filter(tree -> Files.exists(tree.resolve(file)))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no tree has " + file));
        }
    }

    /** Where there is no Landlock either, nothing keeps tenants apart in directories mode. */
    @Test
    void servesOneTenantAndRefusesTheSecond() throws Exception {
        Path own = own("one");
        try (ServerProcess server = ServerProcess.start(bare, own, DIRECTORIES)) {
            assertThat(server.out()).contains(REMEDY);
            works(server, "a");
            assertThat(server.get("a", "/v1/files/").headers().firstValue("cloister-warning"))
                    .isPresent();
            HttpResponse<String> refused = server.say("b", "hello");
            assertThat(refused.statusCode()).isEqualTo(403);
            assertThat(refused.body()).contains("takes no second tenant").contains(REMEDY);

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

        try {
            Until.holds(
                    "no process",
                    Duration.ofSeconds(3),
                    () -> Processes.ofUid(USER).isEmpty());
        } catch (AssertionError e) {
            throw new AssertionError(
                    e.getMessage() + ": "
                            + Processes.ofUid(USER).stream()
                                    .map(pid -> pid + " " + Processes.arguments(pid))
                                    .toList(),
                    e);
        }
    }

    @Test
    void admitsTheSecondWhereTheOperatorAcceptsIt() throws Exception {
        Path own = own("two");
        try (ServerProcess server = ServerProcess.start(
                bare, own, Map.of("isolation.mode", "directories", "isolation.accept-weak", "true"))) {
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
        CommandProcess.Ended again = bare.run(ServerProcess.arguments(own.resolve("d"), DIRECTORIES));
        assertThat(again.exit())
                .as("two tenants in the store, and no leave to serve them")
                .isEqualTo(1);
        assertThat(again.err()).contains("takes no second tenant").contains(REMEDY);
    }

    @Test
    void demoSaysWhatIsMissing() throws Exception {
        CommandProcess.Ended demo = bare.run(List.of("demo", "--isolation", "directories"));

        assertThat(demo.exit()).as(demo.out() + demo.err()).isEqualTo(2);
        assertThat(demo.out())
                .contains("A's own turn: HTTP 200")
                .contains("was refused: HTTP 403")
                .contains("This host has no wall between tenants")
                .contains(REMEDY);
    }

    @Test
    void requiredGuaranteesStopTheStart() throws Exception {
        CommandProcess.Ended refused = bare.run(ServerProcess.arguments(
                own("required").resolve("d"),
                Map.of("isolation.mode", "directories", "isolation.require", "FILES_OF_OTHERS_UNREADABLE")));

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
                .contains("the tenants' files cannot be kept safely: " + closed + " cannot be entered by tenants' uids")
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
