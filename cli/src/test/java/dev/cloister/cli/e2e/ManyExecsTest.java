package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/** Hundreds of commands that say nothing do not keep the server from answering, and leave nothing behind. */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ManyExecsTest {
    private static final int STREAMS = 300;
    private static final int LOOKS = 20;
    private static final String LENGTH = Processes.sleepLength();
    /** The figure for a server with so many silent streams. */
    private static final Duration HEALTHY = Duration.ofMillis(50);

    private static final Duration GONE = Duration.ofSeconds(15);
    private static final Duration GENEROUS = Duration.ofMinutes(2);

    private Path directory;
    private ServerProcess server;

    @BeforeAll
    void start() throws Exception {
        directory = ServerProcess.directory();
        // An agent that waits for another turn keeps its tenant active.
        server = ServerProcess.start(CommandProcess.here(directory), directory, Map.of("agent.idle-timeout", "none"));
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
        ServerProcess.remove(directory);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 30})
    void silentStreams(int tenants) throws Exception {
        health();
        long threadsBefore = threads();
        long memoryBefore = status("VmRSS:");
        List<Socket> clients = new ArrayList<>();
        try {
            long begun = System.nanoTime();
            for (int i = 0; i < STREAMS; i++) {
                clients.add(stream("tenant-" + i % tenants));
            }
            Until.holds("all sleep", GENEROUS, () -> sleeps() == STREAMS);
            long opened = millisSince(begun);
            assertThat(gauge("execs_active")).isEqualTo((double) STREAMS);
            assertThat(gauge("workspaces_active")).isEqualTo((double) tenants);
            long cpuBefore = cpuTicks();
            long looking = System.nanoTime();

            List<Double> times = new ArrayList<>();
            for (int i = 0; i < LOOKS; i++) {
                times.add(health());
                Thread.sleep(100);
            }

            times.sort(null);
            double median = (times.get(LOOKS / 2 - 1) + times.get(LOOKS / 2)) / 2;
            System.out.printf(
                    "%d silent streams of %d tenants: opened in %d ms; /healthz p50 %.1f ms, max %.1f ms; server RSS %d MB"
                            + " (before: %d), %d threads besides reapers (before: %d), %d %% CPU; a supervisor %d kB%n",
                    STREAMS,
                    tenants,
                    opened,
                    median,
                    times.getLast(),
                    status("VmRSS:") / 1024,
                    memoryBefore / 1024,
                    threads(),
                    threadsBefore,
                    // Ticks are hundredths of a second.
                    (cpuTicks() - cpuBefore) * 1000 / millisSince(looking),
                    supervisorMemory());
            assertThat(median).isLessThan((double) HEALTHY.toMillis());
        } finally {
            for (Socket client : clients) {
                client.close();
            }
        }
        long closed = System.nanoTime();
        Until.holds(
                "all processes are gone",
                GONE,
                () -> sleeps() == 0 && Processes.below(server.pid()).isEmpty());
        System.out.printf("all of them gone %d ms after their clients%n", millisSince(closed));
        Until.holds("the gauge is back at 0", GENEROUS, () -> gauge("execs_active") == 0);
        Until.holds("no tenant is active", GENEROUS, () -> gauge("workspaces_active") == 0);
        Until.holds("no share is left", GENEROUS, () -> shares().isEmpty());
        Until.holds("the threads have ended", GENEROUS, () -> threads() <= threadsBefore + STREAMS / 10);
    }

    @Test
    void oneTurnAtATime() throws Exception {
        HttpResponse<String> first = server.say("a", "hello");
        String session = TestServer.session(first);

        for (int round = 0; round < 2; round++) {
            CompletableFuture<HttpResponse<String>> one = turn(session, "sleep 1; echo one");
            CompletableFuture<HttpResponse<String>> two = turn(session, "sleep 1; echo two");
            List<Integer> statuses = Stream.of(one.get().statusCode(), two.get().statusCode())
                    .sorted()
                    .toList();
            assertThat(statuses).containsExactly(200, 409);
            HttpResponse<String> refused = one.get().statusCode() == 409 ? one.get() : two.get();
            assertThat(refused.body()).contains("another turn of session " + session + " is running");

            assertThat(server.say("a", session, "right after").statusCode()).isEqualTo(200);
            HttpResponse<String> streamed =
                    server.http().send(message(session, "streamed", true), BodyHandlers.ofString());
            assertThat(streamed.body()).contains("event: message_stop");
            assertThat(server.say("a", session, "right after that").statusCode())
                    .isEqualTo(200);
        }
    }

    private CompletableFuture<HttpResponse<String>> turn(String session, String command) {
        return server.http()
                .sendAsync(
                        message(session, TestServer.script(TestServer.bash(command)), false), BodyHandlers.ofString());
    }

    private HttpRequest message(String session, String text, boolean stream) {
        return server.request("a", "/v1/messages")
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(TestServer.message(text)
                        .put("session_id", session)
                        .put("stream", stream)
                        .toString()))
                .build();
    }

    /** Asks for a silent command's events and reads until it has started. */
    private Socket stream(String token) throws IOException {
        ObjectNode request = TestServer.JSON.createObjectNode().put("stream", true);
        request.putArray("command").add("/bin/sleep").add(LENGTH);
        byte[] body = request.toString().getBytes(StandardCharsets.UTF_8);
        Socket client =
                new Socket(InetAddress.getLoopbackAddress(), server.uri("/").getPort());
        client.getOutputStream()
                .write(("POST /v1/exec HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + token
                                + "\r\ncontent-type: application/json\r\ncontent-length: " + body.length + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        client.getOutputStream().write(body);
        return client;
    }

    /** How long the answer took, in milliseconds. */
    private double health() throws IOException, InterruptedException {
        long begun = System.nanoTime();
        HttpResponse<String> answer = server.http()
                .send(HttpRequest.newBuilder(server.uri("/healthz")).build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
        return (System.nanoTime() - begun) / 1e6;
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    /** The sleeping processes themselves, without the supervisors that have the same argument. */
    private static long sleeps() throws IOException {
        return Processes.withArgument(LENGTH).stream()
                .filter(pid -> Processes.arguments(pid).indexOf("/bin/sleep") == 0)
                .count();
    }

    private double gauge(String name) throws IOException, InterruptedException {
        return server.get("a", "/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .sum();
    }

    private long status(String field) throws IOException {
        return status(server.pid(), field);
    }

    /** Without those in which the JDK awaited the ends of processes: they stay for a minute of idleness. */
    private long threads() throws IOException {
        long count = 0;
        try (DirectoryStream<Path> tasks =
                Files.newDirectoryStream(Path.of("/proc", Long.toString(server.pid()), "task"))) {
            for (Path task : tasks) {
                count += name(task).startsWith("reaper-") ? 0 : 1;
            }
        }
        return count;
    }

    private static String name(Path task) {
        try {
            return Files.readString(task.resolve("comm"));
        } catch (IOException e) {
            // It ended while we looked; one too many is of no account.
            return "";
        }
    }

    private static long status(long pid, String field) throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return lines.filter(line -> line.startsWith(field))
                    .mapToLong(line -> Long.parseLong(
                            line.substring(field.length()).replace("kB", "").strip()))
                    .sum();
        }
    }

    private long supervisorMemory() throws IOException {
        for (long pid : Processes.below(server.pid())) {
            if (Processes.isLauncher(pid)) {
                return status(pid, "VmRSS:");
            }
        }
        throw new AssertionError("no supervisor runs");
    }

    /** What the server and all below it have used. */
    private long cpuTicks() throws IOException {
        long ticks = 0;
        List<Long> all = new ArrayList<>(Processes.below(server.pid()));
        all.add(server.pid());
        for (long pid : all) {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
        }
        return ticks;
    }

    private List<Path> shares() throws IOException {
        try (Stream<Path> entries = Files.list(server.run())) {
            return entries.filter(ServerProcess::isShare).toList();
        }
    }
}
