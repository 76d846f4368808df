package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.cloister.spi.ProcessSpec;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The parts of the benchmark of turns. */
class TurnBenchTest {
    @Test
    void byHandTheAgentGetsTheSameButTheBroker() {
        ProcessSpec sandboxed = new ProcessSpec(
                List.of("agent", "--print"),
                Map.of("ANTHROPIC_UNIX_SOCKET", "/s", "ANTHROPIC_BASE_URL", "http://broker", "SHLVL", "1"),
                "/work");
        ProcessSpec raw = RawCli.plan(sandboxed, "http://127.0.0.1:1", Path.of("/h"), Path.of("/t"));
        assertThat(raw.command()).isEqualTo(sandboxed.command());
        assertThat(raw.cwd()).isEqualTo("/work");
        assertThat(raw.env())
                .containsEntry("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
                .containsEntry("SHLVL", "1")
                .containsEntry("HOME", "/h")
                .containsEntry("TMPDIR", "/t")
                .doesNotContainKey("ANTHROPIC_UNIX_SOCKET");
    }

    @Test
    void theFirstEventCountsNotTheFirstText() {
        TurnTime.Watch watch = new TurnTime.Watch(1_000_000);
        watch.event(4_000_000, "");
        watch.event(9_000_000, "hel");
        watch.event(9_500_000, "lo");
        TurnTime time = watch.end();
        assertThat(time.first()).isEqualTo(3);
        assertThat(time.whole()).isGreaterThan(time.first());
        assertThat(time.answer()).isEqualTo("hello");
        assertThat(time.events()).isEqualTo(3);
        assertThatIllegalStateException().isThrownBy(() -> new TurnTime.Watch(0).end());
    }

    @Test
    void thePromisesAreOnTheFirstEvents() {
        List<Measured> results = Stream.of(
                        Map.entry("raw cold", 400.0),
                        Map.entry("raw pre-started", 100.0),
                        Map.entry("raw warm", 20.0),
                        Map.entry("cloister cold", 440.0),
                        Map.entry("cloister prewarmed", 131.0),
                        Map.entry("cloister warm", 25.0))
                .map(one -> Measured.of(one.getKey(), List.of(one.getValue())))
                .toList();
        assertThat(TurnBench.promises(results))
                .extracting(BenchReport.Promise::outcome)
                .containsExactly("met", "met", "MISSED");
        assertThat(TurnBench.promises(results.subList(0, 3)))
                .extracting(BenchReport.Promise::outcome)
                .containsOnly("not judged");
    }

    @Test
    void theUpstreamEchoesOverHttp() throws IOException, InterruptedException {
        try (ScriptedHttp upstream = ScriptedHttp.start();
                HttpClient client = HttpClient.newHttpClient()) {
            String body =
                    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"echo me\"}]}";
            HttpRequest post = HttpRequest.newBuilder(URI.create(upstream.url() + "/v1/messages"))
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            assertThat(client.send(post, HttpResponse.BodyHandlers.ofString()).body())
                    .startsWith("event: message_start\n")
                    .contains("\"text\":\"echo me\"")
                    .endsWith("\n\n");
            HttpRequest head =
                    HttpRequest.newBuilder(URI.create(upstream.url())).HEAD().build();
            assertThat(client.send(head, HttpResponse.BodyHandlers.discarding()).statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void aClosedPlaceIsGoneWithAllThatRanInIt() throws IOException {
        TurnPlace place = TurnPlace.make();
        Process process = place.start(new ProcessBuilder("sh", "-c", "sleep 1000 & echo started; wait"));
        assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("started");
        List<ProcessHandle> below = process.descendants().toList();
        Files.writeString(place.directory("a/b").resolve("file"), "x");
        assertThat(below).isNotEmpty();
        place.close();
        place.close();
        assertThat(process.isAlive()).isFalse();
        assertThat(below).noneMatch(ProcessHandle::isAlive);
        assertThat(place.path()).doesNotExist();
        assertThatIOException().isThrownBy(() -> place.start(new ProcessBuilder("true")));
    }

    @Test
    void anAgentThatSaysNothingIsNoMeasurement() throws IOException {
        try (TurnPlace place = TurnPlace.make()) {
            ProcessSpec silent = new ProcessSpec(
                    List.of("/bin/sh", "-c", "read line"),
                    Map.of(),
                    place.directory("work").toString());
            RawCli agent = RawCli.start(place, silent);
            assertThatIOException()
                    .isThrownBy(() -> agent.turn("hello", System.nanoTime()))
                    .withMessageContaining("without a result");
            agent.close();
        }
    }
}
