package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tools.jackson.databind.json.JsonMapper;

class CostCommandTest {
    private static final Path DOCS = Path.of("..", "docs").toAbsolutePath().normalize();
    private static final Path EXAMPLE = DOCS.resolve("prices-example.yaml");

    @TempDir
    Path directory;

    private static CommandRun run(Path prices, String... more) {
        List<String> all =
                List.of("cost", "--users", "1000", "--requests-per-day", "10", "--prices", prices.toString());
        return CommandRun.of(Stream.concat(all.stream(), Stream.of(more)).toArray(String[]::new));
    }

    /** The document's figures are what the command makes of the report beside it and of the example's prices. */
    @Test
    void theCheckedInCostIsThatOfTheCheckedInReport() throws IOException {
        Path report = DOCS.resolve("bench/launch.json");
        Path cost = DOCS.resolve("bench/cost.json");
        assertThat(Files.exists(cost)).isEqualTo(Files.exists(report));
        CommandRun shipped = run(EXAMPLE, "--json");
        if (Files.exists(report)) {
            assertThat(shipped.status()).as(shipped.err()).isZero();
            assertThat(JsonMapper.shared().readTree(shipped.out()))
                    .isEqualTo(JsonMapper.shared().readTree(Files.readString(cost)));
            assertThat(run(EXAMPLE, "--json", "--report", report.toString()).out())
                    .isEqualTo(shipped.out());
        } else {
            assertThat(shipped.status()).isEqualTo(1);
            assertThat(shipped.err()).contains("--report: this build comes without a report");
        }
    }

    @Test
    void theTableComesWithItsModelAndThePricesSources() throws IOException {
        Path report = directory.resolve("report.json");
        Files.writeString(report, """
                {"bench": "launch",
                 "results": [{"name": "chroot (jvm)", "p50_ms": 5}],
                 "figures": [
                   {"name": "chroot: idle tenant, sandbox closed", "value": 0},
                   {"name": "chroot: working tenant", "value": 1024},
                   {"name": "chroot: cold turn, the tenant's processor time", "value": 3000},
                   {"name": "chroot: cold turn, the server's processor time", "value": 600},
                   {"name": "chroot: the server itself", "value": 1024}]}
                """);
        CommandRun run = run(EXAMPLE, "--report", report.toString(), "--active-seconds", "360");
        assertThat(run.status()).as(run.err()).isZero();
        // 300 000 requests: 30 000 hours of a GiB, and 300 hours of a processor; 720 hours of the server's GiB; 1000
        // GiB of disk.
        assertThat(run.out())
                .containsPattern("(?m)^  EUR a month +rest +working +server +vcpu +disk +requests +total +1000 users$")
                .containsPattern("(?m)^  chroot +0.00 +150.00 +3.60 +15.00 +100.00 +0.00 +268.60 +268.60$")
                .contains("vcpu-hour: 0.05 EUR; made up for this example, 2026-01-01")
                .contains("Not counted: ");
    }

    @Test
    void everyProblemOfThePricesIsToldWithItsKeyAndWhatIsRight() throws IOException {
        Path prices = directory.resolve("prices.yaml");
        Files.writeString(prices, """
                currency: euro
                memory-gib-hour: {amount: -1, source: me, as-of: 2026-01-01}
                vcpu-hour: {amount: 0.1, as-of: 2999-01-01}
                disk-gib-month: {amount: 0.1, source: me, as-of: 1.1.2026}
                request: {amount: 0, source: me, as-of: 2026-01-01, currency: EUR}
                vcpu-hours: {amount: 1}
                """);
        CommandRun run = run(prices);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .contains("The prices have 7 problems:")
                .contains("prices.yaml:1: currency: \"euro\" is not a currency of three capital letters")
                .contains("prices.yaml:2: memory-gib-hour.amount: \"-1\" is not an amount")
                .contains("vcpu-hour.source: is missing; write where the price was found")
                .contains("prices.yaml:3: vcpu-hour.as-of: \"2999-01-01\" is not a day that is not to come")
                .contains("prices.yaml:4: disk-gib-month.as-of: \"1.1.2026\" is not a day")
                .contains("prices.yaml:5: request.currency: is no part of a price list")
                .contains(
                        "prices.yaml:6: vcpu-hours.amount: is no part of a price list; did you mean vcpu-hour.amount?")
                .contains("docs/prices-example.yaml");
    }

    @Test
    void aFileThatIsNotThereIsOneProblem() {
        CommandRun run = run(directory.resolve("none.yaml"));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("The prices have a problem:").contains("does not exist");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{\"bench\":\"turn\"}", "[]"})
    void whatIsNoReportOfLaunchesIsRefused(String text) throws IOException {
        Path report = Files.writeString(directory.resolve("report.json"), text);
        CommandRun run = run(EXAMPLE, "--report", report.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .contains("--report: ")
                .contains("bench launch --json")
                .doesNotContain("    at ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--users=0",
                "--requests-per-day=-1",
                "--requests-per-day=NaN",
                "--ready-hours=25",
                "--ready-hours=1",
                "--active-seconds=-1",
                "--disk=-1",
                "--disk=Infinity"
            })
    void amountsThatCannotBeAreRefused(String option) {
        String name = option.substring(0, option.indexOf('='));
        List<String> arguments = Stream.concat(
                        Stream.of("cost", "--prices", EXAMPLE.toString(), option),
                        Stream.of("--users=10", "--requests-per-day=10").filter(other -> !other.startsWith(name + "=")))
                .toList();
        CommandRun run = CommandRun.of(arguments.toArray(String[]::new));
        assertThat(run.status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(run.err()).contains(name);
    }
}
