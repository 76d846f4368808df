package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The benchmark of exhaustion measures what it says, and cleans up. Whether figures are good is for a quiet machine. */
class BenchExhaustionCommandTest {
    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @Test
    @EnabledIf("isRoot")
    void aFloodIsMeasuredBesideQuietTimes() throws IOException {
        Set<String> before = directories();
        CommandRun run = CommandRun.of(
                "bench", "exhaustion", "--samples", "5", "--warm-ups", "5", "--only", "output-flood", "--json");
        JsonNode all = JsonMapper.shared().readTree(run.out());
        assertThat(run.status()).as(run.err()).isEqualTo(all.path("met").asBoolean() ? 0 : 1);
        assertThat(all.path("during").size()).isEqualTo(1);
        JsonNode flood = all.path("during").path(0);
        assertThat(flood.path("name").asString()).isEqualTo("output-flood");
        assertThat(flood.path("n").asInt()).isEqualTo(5);
        assertThat(flood.path("runs").asInt()).isPositive();
        double quiet = all.path("quiet").path("p95_ms").asDouble();
        assertThat(flood.path("ratio").asDouble())
                .isCloseTo(flood.path("p95_ms").asDouble() / quiet, within(0.001));
        assertThat(all.path("met").asBoolean())
                .isEqualTo(flood.path("ratio").asDouble() <= all.path("allowed").asDouble());
        assertThat(all.path("quiet").path("n").asInt()).isGreaterThanOrEqualTo(10);
        assertThat(directories()).isEqualTo(before);
    }

    @Test
    void nothingIsNoMeasurement() {
        assertThat(CommandRun.of("bench", "exhaustion", "--samples", "0").status())
                .isEqualTo(CommandLine.ExitCode.USAGE);
        CommandRun unknown = CommandRun.of("bench", "exhaustion", "--only", "none");
        assertThat(unknown.status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(unknown.err()).contains("output-flood");
    }

    private static Set<String> directories() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.map(Path::toString)
                    .filter(name -> name.contains("cloister-exhaustion-"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
