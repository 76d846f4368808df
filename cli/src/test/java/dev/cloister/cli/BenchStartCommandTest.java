package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The benchmark of the start measures what it says, and cleans up. Whether figures are good is for a quiet machine. */
class BenchStartCommandTest {
    @Test
    void aStartIsTimedAndWithoutACacheNothingIsPromised() throws Exception {
        Leftovers before = Leftovers.now("start");
        CommandRun run = CommandRun.of("bench", "start", "--rounds", "1", "--idle", "0", "--only", "serial", "--json");
        // The tests' JVM has no cache, and what was promised of it cannot be judged.
        assertThat(run.status()).as(run.err()).isEqualTo(1);
        JsonNode all = JsonMapper.shared().readTree(run.out());
        assertThat(names(all.path("results"))).containsExactly("serial: first answer", "serial: ready");
        assertThat(all.path("results"))
                .allSatisfy(one -> assertThat(one.path("p50_ms").asDouble()).isPositive());
        assertThat(names(all.path("figures"))).containsExactly("serial: memory when idle");
        assertThat(all.path("figures"))
                .allSatisfy(one -> assertThat(one.path("value").asDouble()).isGreaterThan(20));
        assertThat(all.path("promises"))
                .hasSize(2)
                .allSatisfy(one -> assertThat(one.path("outcome").asString()).isEqualTo("not judged"));
        assertThat(Leftovers.now("start")).isEqualTo(before);
    }

    private static Iterable<String> names(JsonNode all) {
        return StreamSupport.stream(all.spliterator(), false)
                .map(one -> one.path("name").asString())
                .toList();
    }

    @Test
    void nothingIsNoMeasurement() {
        assertThat(CommandRun.of("bench", "start", "--rounds", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        CommandRun unknown = CommandRun.of("bench", "start", "--only", "none");
        assertThat(unknown.status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(unknown.err()).contains("serial, cache");
    }

    @Test
    void withoutACacheThatIsSaid() {
        CommandRun run = CommandRun.of("bench", "start", "--rounds", "1", "--only", "serial, cache");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).contains("left out: serial, cache: ", "not judged");
    }
}
