package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.BenchTraces.Rows;
import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** The benchmark of commands measures what it says, and cleans up. Whether figures are good is for a quiet machine. */
@Tag("alone")
class BenchExecCommandTest {
    private static final String SHARE = "POST /v1/exec, 16 clients, share of the launcher's";
    private static final String HEALTH = "GET /healthz, 20 silent streams";

    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @Test
    @EnabledIf("isRoot")
    void commandsAreTimedBesideTheFloorAndTheServerAnswersBesideSilentOnes() throws IOException {
        JsonNode all =
                BenchTraces.report("bench", "exec", "--rounds", "3", "--warm-ups", "20", "--streams", "20", "--json");
        assertThat(all.path("base").asString()).isEqualTo("floor");
        Rows results = Rows.of(all.path("results"), "name");
        assertThat(results.names())
                .containsExactlyInAnyOrder(
                        "floor", "namespaces (launcher)", "POST /v1/exec", "GET /healthz, quiet", HEALTH);
        for (String name : new String[] {"floor", "namespaces (launcher)", "POST /v1/exec"}) {
            assertThat(results.row(name).path("n").asInt()).as(name).isEqualTo(3);
        }
        assertThat(results.row(HEALTH).path("n").asInt()).isEqualTo(100);
        Rows figures = Rows.of(all.path("figures"), "name");
        assertThat(figures.row("silent streams still open").path("value").asDouble())
                .isEqualTo(20);
        assertThat(figures.row(SHARE).path("value").asDouble()).isPositive();
        assertThat(Rows.of(all.path("promises"), "promise").names())
                .containsExactlyInAnyOrder("POST /v1/exec ≤ 4 × floor", SHARE + " ≥ 60 %", HEALTH + ", p95 ≤ 20 ms");
    }

    @Test
    void nothingIsNoMeasurement() {
        assertThat(CommandRun.of("bench", "exec", "--rounds", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(CommandRun.of("bench", "exec", "--streams", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
    }
}
