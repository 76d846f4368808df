package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.node.ObjectNode;

/** Between a process and its client nothing piles up: who reads slowly waits alone, and what is long takes no memory. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
class BackPressureTest {
    private static final long GIB = 1L << 30;
    /** A buffer of the whole would be more than ten times this; the collector leaves about so much lying about. */
    private static final long SLACK = 96L << 20;

    private Path directory;
    private ServerProcess server;

    @BeforeAll
    void start() throws Exception {
        directory = ServerProcess.directory();
        server = ServerProcess.start(CommandProcess.here(directory), directory, Map.of());
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
        ServerProcess.remove(directory);
    }

    private HttpRequest streamed(String token, String script) {
        ObjectNode body = TestServer.JSON.createObjectNode().put("stream", true);
        body.putArray("command").add("/bin/sh").add("-c").add(script);
        return server.request(token, "/v1/exec")
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
    }

    private long memory() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(server.pid()), "status"))) {
            return lines.filter(line -> line.startsWith("VmRSS:"))
                            .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                            .findFirst()
                            .orElseThrow()
                    << 10;
        }
    }

    /** How many of the letters arrived; no event's own words have it. */
    private long through(String token, long bytes) throws Exception {
        HttpResponse<InputStream> answer = server.http()
                .send(streamed(token, "head -c " + bytes + " /dev/zero | tr '\\0' Q"), BodyHandlers.ofInputStream());
        assertThat(answer.statusCode()).isEqualTo(200);
        byte[] buffer = new byte[64 << 10];
        long found = 0;
        try (InputStream in = answer.body()) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                for (int i = 0; i < n; i++) {
                    found += buffer[i] == 'Q' ? 1 : 0;
                }
            }
        }
        return found;
    }

    @Test
    void aGibibyteOfOutputTakesNoMemory() throws Exception {
        // What the first megabytes cost is paid once.
        through("a", GIB / 16);
        long before = memory();
        assertThat(through("a", GIB)).isEqualTo(GIB);
        assertThat(memory() - before).isLessThan(SLACK);
    }

    @Test
    void whoDoesNotReadStopsItsOwnCommandAndNobodyElse() throws Exception {
        String script = "i=0; while true; do i=$((i+1)); echo $i > count; head -c 65536 /dev/zero | tr '\\0' 'x'; done";
        long before = memory();
        HttpResponse<InputStream> unread = server.http().send(streamed("slow", script), BodyHandlers.ofInputStream());
        try (InputStream in = unread.body()) {
            assertThat(in.read()).isNotNegative();
            Until.holds("the command waits for its reader", Duration.ofSeconds(60), () -> {
                String count = count();
                Thread.sleep(1000);
                return count.equals(count());
            });
            String stopped = count();
            for (String tenant : List.of("b", "c")) {
                assertThat(server.exec(tenant, "echo hello").path("stdout").asString())
                        .isEqualTo("hello\n");
            }
            // The same tenant's other commands go on as well.
            assertThat(server.exec("slow", "echo hello").path("stdout").asString())
                    .isEqualTo("hello\n");
            assertThat(count()).isEqualTo(stopped);
            assertThat(memory() - before).isLessThan(SLACK);
        }
    }

    private String count() throws Exception {
        return server.exec("slow", "cat count").path("stdout").asString();
    }
}
