package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The benchmark of turns measures what it says, and cleans up. Whether figures are good is for a quiet machine. */
@Tag("slow")
class BenchTurnCommandTest {
    private static final int ROUNDS = 2;
    private static final List<String> WAYS =
            List.of("raw cold", "raw pre-started", "raw warm", "cloister cold", "cloister prewarmed", "cloister warm");

    @TempDir
    Path data;

    private CommandRun run(String... more) {
        String mode = System.getenv().getOrDefault("CLOISTER_TEST_ISOLATION", "auto");
        return CommandRun.of(Stream.concat(
                        Stream.of("bench", "turn", "--data", data.toString(), "--set", "isolation.mode=" + mode),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    @Test
    void everyWayIsTimedEquallyOftenAndHeldAgainstTheProgramByHand() throws IOException {
        Set<String> before = traces();
        Path page = data.resolve("page.html");
        CommandRun run = run("--rounds", Integer.toString(ROUNDS), "--json", "--html", page.toString());
        assertThat(run.out()).as(run.err()).startsWith("{");
        JsonNode all = JsonMapper.shared().readTree(run.out());
        assertThat(run.status()).isEqualTo(all.path("met").asBoolean() ? 0 : 1);
        assertThat(all.path("base").asString()).isEqualTo("raw cold");

        List<String> names = new ArrayList<>();
        all.path("results").forEach(one -> names.add(one.path("name").asString()));
        assertThat(names)
                .containsExactlyElementsOf(
                        Stream.concat(WAYS.stream(), WAYS.stream().map(way -> way + ", whole turn"))
                                .toList());
        double base = all.path("results").path(0).path("p50_ms").asDouble();
        all.path("results").forEach(one -> isOrdered(one, base));
        for (int i = 0; i < WAYS.size(); i++) {
            assertThat(all.path("results").path(i + WAYS.size()).path("min_ms").asDouble())
                    .as("the whole turn ends after its first event: " + WAYS.get(i))
                    .isGreaterThan(all.path("results").path(i).path("min_ms").asDouble());
        }

        assertThat(all.path("promises").size()).isEqualTo(3);
        all.path("promises")
                .forEach(one -> assertThat(one.path("outcome").asString()).isIn("met", "MISSED"));
        assertThat(all.path("figures").size()).isEqualTo(2);
        all.path("figures")
                .forEach(one -> assertThat(one.path("unit").asString()).isIn("ms", "µs"));
        assertThat(all.path("left_out").path(0).path("name").asString()).isEqualTo("claude-max-api-proxy");
        assertThat(all.path("left_out").path(1).path("name").asString()).isEqualTo("sandbox-agent");
        assertThat(Files.readString(page)).contains("cloister prewarmed").endsWith("</html>\n");
        assertThat(traces()).isEqualTo(before);
    }

    private static void isOrdered(JsonNode one, double base) {
        assertThat(one.path("n").asInt()).isEqualTo(ROUNDS);
        assertThat(one.path("min_ms").asDouble())
                .isPositive()
                .isLessThanOrEqualTo(one.path("p50_ms").asDouble());
        assertThat(one.path("p95_ms").asDouble())
                .isBetween(one.path("p50_ms").asDouble(), one.path("max_ms").asDouble());
        assertThat(one.path("ratio").asDouble()).isCloseTo(one.path("p50_ms").asDouble() / base, within(0.001));
    }

    @Test
    void aServerThatDoesNotStartLeavesNothing() throws IOException {
        Set<String> before = traces();
        CommandRun run = run("--rounds", "1", "--set", "agent.executable=/bin/false");
        assertThat(run.status()).isNotZero();
        assertThat(run.out()).isEmpty();
        assertThat(traces()).isEqualTo(before);
    }

    @Test
    void noRoundsAndPeersOfNobodyAreNoMeasurement() {
        assertThat(run("--rounds", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        CommandRun peers = run("--peers");
        assertThat(peers.status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(peers.err()).contains("./cloister");
    }

    /** What a run could leave: directories, mounts and processes. */
    private static Set<String> traces() throws IOException {
        Set<String> all = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            files.map(Path::toString)
                    .filter(name -> name.contains("cloister-turn-"))
                    .forEach(all::add);
        }
        try (Stream<String> mounts = Files.lines(Path.of("/proc/self/mountinfo"))) {
            mounts.filter(line -> line.contains("cloister-turn-")).forEach(all::add);
        }
        all.addAll(ProcessHandle.current()
                .descendants()
                .map(ProcessHandle::toString)
                .collect(Collectors.toSet()));
        return all;
    }
}
