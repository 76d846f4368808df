package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.BenchTraces.Rows;
import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** A short soak: what must not happen does not. Whether the server stays as it is takes longer to see. */
@Tag("alone")
@Tag("slow")
class BenchSoakCommandTest {
    @Test
    void aBusyServerLosesNothingAndLeavesNothing() throws IOException {
        JsonNode all = BenchTraces.report("bench", "soak", "--minutes", "0.2", "--seed", "7", "--json");
        Rows figures = Rows.of(all.path("figures"), "name");
        assertThat(figures.row("seed").path("value").asInt()).isEqualTo(7);
        assertThat(figures.row("turns answered").path("value").asInt()).isPositive();
        assertThat(figures.row("agents killed").path("value").asInt()).isPositive();
        assertThat(figures.row("sessions checked at the end").path("value").asInt())
                .isPositive();
        Rows promises = Rows.of(all.path("promises"), "promise");
        for (String promise :
                new String[] {"no unexpected failure", "no session lost", "nothing left over", "the audit log is whole"
                }) {
            assertThat(promises.row(promise).path("outcome").asString())
                    .as(promises.row(promise).path("found").asString())
                    .isEqualTo("met");
        }
        assertThat(promises.names()).hasSize(5);
    }

    @Test
    void noTimeIsNoMeasurement() {
        assertThat(CommandRun.of("bench", "soak", "--minutes", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
    }
}
