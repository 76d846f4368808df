package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.BenchTraces.Rows;
import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** The benchmark of growth measures what it says, and cleans up. Whether figures are good is for a quiet machine. */
@Tag("alone")
@Tag("slow")
class BenchScaleCommandTest {
    @Test
    void tenantsAndTurnsAreCountedUpAndWhatTheyCostIsTold() throws IOException {
        JsonNode all = BenchTraces.report(
                "bench", "scale", "--tenants", "20,40", "--warm-ups", "50", "--turns", "1,2", "--json");
        Rows results = Rows.of(all.path("results"), "name");
        assertThat(results.names())
                .containsExactlyInAnyOrder(
                        "first request of a tenant, up to the 20th",
                        "first request of a tenant, up to the 40th",
                        "first byte, 1 turns at once",
                        "first byte, 2 turns at once",
                        "first byte, 2 (again) turns at once");
        Rows figures = Rows.of(all.path("figures"), "name");
        for (String at : new String[] {"1", "2", "2 (again)"}) {
            assertThat(figures.row(at + " turns at once").path("value").asDouble())
                    .isPositive();
            assertThat(figures.row(at + " turns at once, errors").path("value").asDouble())
                    .isZero();
            assertThat(figures.names())
                    .anyMatch(name -> name.startsWith("server RSS, " + at + " turns at once, after"));
        }
        assertThat(Rows.of(all.path("promises"), "promise").names())
                .hasSize(4)
                .contains("2 turns at once complete without an error", "server RSS, 40 tenants over 20 ≤ 20 MiB");
    }

    @Test
    void numbersThatDoNotAscendAreRefused() {
        assertThat(CommandRun.of("bench", "scale", "--turns", "4,1").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(CommandRun.of("bench", "scale", "--tenants", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
    }
}
