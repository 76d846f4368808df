package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import tools.jackson.databind.node.ObjectNode;

/** However a server ends, nothing that ran for its tenants goes on, and the next one on the same data carries on. */
@EnabledIf("isRoot")
class ServerKilledTest {
    /** Agents that wait for another turn would be in the way of seeing what an earlier server left. */
    private static final Map<String, String> NOTHING_STAYS = Map.of("agent.idle-timeout", "none");

    /** The figure for a server that was killed. */
    private static final Duration WITHIN = Duration.ofSeconds(3);

    private static final Duration GENEROUS = Duration.ofSeconds(60);

    private Path directory;
    private CommandProcess command;
    private ServerProcess server;

    /**
     * What runs when the server ends.
     *
     * @param tokens what the session's first message cost
     */
    private record Busy(long uid, Path home, String session, long tokens, Set<Long> all) {}

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @BeforeEach
    void start() throws Exception {
        directory = ServerProcess.directory();
        command = CommandProcess.here(directory);
        server = ServerProcess.start(command, directory, Map.of());
    }

    @AfterEach
    void stop() throws Exception {
        server.close();
        ServerProcess.remove(directory);
    }

    @Test
    void killed() throws Exception {
        Busy busy = busy();

        server.kill();

        Until.holds(
                "no process of any sandbox",
                WITHIN,
                () -> Processes.alive(busy.all()).isEmpty());
        assertThat(Processes.ofUid(busy.uid())).isEmpty();
        assertThat(temporary()).as("TMPDIRs after the supervisors ended").isEmpty();
        server = ServerProcess.start(command, directory, NOTHING_STAYS);
        carriesOn(busy);
    }

    @Test
    void killedTogetherWithEverySupervisor() throws Exception {
        Busy busy = busy();
        Path outside = Files.writeString(directory.resolve("outside"), "kept");
        String link = "ln -s " + outside + " $TMPDIR/link; mkdir -m 0 $TMPDIR/locked";
        CompletableFuture<?> linked = aside("a", link + "; touch $HOME/linked; sleep " + Processes.sleepLength());
        Until.holds("a link in TMPDIR", GENEROUS, () -> Files.exists(busy.home().resolve("linked")));
        Set<Long> supervisors = Processes.below(server.pid()).stream()
                .filter(Processes::isLauncher)
                .collect(Collectors.toSet());
        assertThat(supervisors).hasSizeGreaterThanOrEqualTo(4);

        // Stopped first, or the supervisors would see the server's death before their own.
        for (long supervisor : supervisors) {
            assertThat(new ProcessBuilder("kill", "-STOP", Long.toString(supervisor))
                            .start()
                            .waitFor())
                    .isZero();
        }
        server.kill();
        for (long supervisor : supervisors) {
            Processes.kill(supervisor);
        }

        assertThat(linked).failsWithin(GENEROUS);
        if (server.mode() == IsolationMode.DIRECTORIES) {
            assertThat(Processes.alive(busy.all())).as("orphans").isNotEmpty();
            assertThat(temporary()).as("what they left").isNotEmpty();
        } else {
            Until.holds(
                    "the kernel ends a pid namespace with its init",
                    WITHIN,
                    () -> Processes.alive(busy.all()).isEmpty());
        }
        server = ServerProcess.start(command, directory, NOTHING_STAYS);
        assertThat(Processes.ofUid(busy.uid())).as("after the start-up sweep").isEmpty();
        carriesOn(busy);
        assertThat(outside).hasContent("kept");
    }

    @Test
    void terminated() throws Exception {
        Busy busy = busy();

        int exit = server.terminate(Duration.ofSeconds(15));

        // What the JVM answers to SIGTERM once its shutdown hooks have run.
        assertThat(exit).isEqualTo(143);
        assertThat(Processes.alive(busy.all())).isEmpty();
        assertThat(Processes.ofUid(busy.uid())).isEmpty();
        assertThat(temporary()).isEmpty();
        assertThat(shares()).isEmpty();
        server = ServerProcess.start(command, directory, NOTHING_STAYS);
        carriesOn(busy);
    }

    /** A session with one turn, a second turn in it that sleeps in three ways, and two commands. */
    private Busy busy() throws Exception {
        long uid = Long.parseLong(
                server.exec("a", "id -u").path("stdout").asString().strip());
        Path home = homeOf(uid);
        HttpResponse<String> first = server.say("a", "remember: " + "lavender ".repeat(2000));
        String session = TestServer.session(first);
        List<String> lengths = Stream.generate(Processes::sleepLength).limit(6).toList();
        CompletableFuture<?> turn = CompletableFuture.runAsync(() -> {
            try {
                server.say(
                        "a",
                        session,
                        TestServer.script(TestServer.bash("nohup sleep " + lengths.get(0) + " & setsid sleep "
                                + lengths.get(1) + " & sleep " + lengths.get(2))));
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        CompletableFuture<?> one = aside("a", "setsid sleep " + lengths.get(3) + " & sleep " + lengths.get(4));
        CompletableFuture<?> two = aside("b", "sleep " + lengths.get(5));
        Until.holds("everything sleeps", GENEROUS, () -> {
            for (String length : lengths) {
                if (Processes.withArgument(length).isEmpty()) {
                    return turn.isDone() && turn.get() == null;
                }
            }
            return true;
        });
        assertThat(List.of(turn, one, two)).noneMatch(CompletableFuture::isDone);
        return new Busy(uid, home, session, inputTokens(first), Processes.below(server.pid()));
    }

    /** Where a tenant's HOME stands on the host, whatever it is called within. */
    private Path homeOf(long uid) throws IOException {
        try (Stream<Path> trees = Files.list(server.workspaces())) {
            for (Path tree : trees.toList()) {
                if (((Number) Files.getAttribute(tree, "unix:uid")).longValue() == uid) {
                    return tree.resolve("home");
                }
            }
        }
        throw new AssertionError("no tree of uid " + uid);
    }

    private CompletableFuture<?> aside(String token, String script) {
        ObjectNode body = TestServer.JSON.createObjectNode();
        body.putArray("command").add("/bin/sh").add("-c").add(script);
        return server.http()
                .sendAsync(
                        server.request(token, "/v1/exec")
                                .header("content-type", "application/json")
                                .POST(BodyPublishers.ofString(body.toString()))
                                .build(),
                        BodyHandlers.ofString());
    }

    private static long inputTokens(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return TestServer.JSON
                .readTree(answer.body())
                .path("usage")
                .path("input_tokens")
                .asLong();
    }

    private void carriesOn(Busy busy) throws Exception {
        assertThat(shares()).as("sockets and credentials").isEmpty();
        assertThat(server.exec("b", "true").path("status").asString()).isEqualTo("exited");
        // The model is sent all that was said before, so this costs more than the long first message did.
        assertThat(inputTokens(server.say("a", busy.session(), "and now?"))).isGreaterThan(busy.tokens());
        // The agent may still be ending when its answer is out.
        Until.holds("no TMPDIR and no socket", GENEROUS, () -> temporary().isEmpty() && shares().isEmpty());
        CommandProcess.Ended verified = command.run(
                List.of("audit", "verify", "--data", directory.resolve("d").toString()));
        assertThat(verified.exit()).as(verified.err()).isZero();
        assertThat(verified.out()).startsWith("intact: ");
    }

    /** What stands in the tenants' directories for temporary files. */
    private List<Path> temporary() throws IOException {
        try (Stream<Path> trees = Files.list(server.workspaces())) {
            return trees.map(tree -> tree.resolve("tmp"))
                    .filter(Files::isDirectory)
                    .flatMap(tmp -> {
                        try (Stream<Path> entries = Files.list(tmp)) {
                            return entries.toList().stream();
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .toList();
        }
    }

    /** The directories with sockets, environments and settings of launches; a server that ends in order takes all away. */
    private List<Path> shares() throws IOException {
        if (Files.notExists(server.run())) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(server.run())) {
            return entries.filter(ServerProcess::isShare).toList();
        }
    }
}
