package dev.cloister.cli;

import dev.cloister.cli.bench.Cost;
import dev.cloister.cli.bench.CostPage;
import dev.cloister.cli.bench.Workload;
import dev.cloister.core.config.MachinePrices;
import dev.cloister.core.config.PricesFile;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.LocalDate;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What users cost. */
@Command(
        name = "cost",
        description =
                "Say what users cost in a month in each isolation mode, by what `bench launch` measured and by the prices of a file.",
        footer = {
            "",
            "The prices' form is that of docs/prices-example.yaml: each has its source and its day. What is counted and how is",
            "printed with the table. Nothing is measured here, and nobody is asked for prices."
        },
        mixinStandardHelpOptions = true)
final class CostCommand implements Callable<Integer> {
    private static final String SHIPPED = "/dev/cloister/cli/bench/launch.json";
    private static final double HOURS_PER_DAY = 24;
    private static final long MOST_USERS = 1_000_000_000;
    private static final double MOST = 1e6;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Option(names = "--users", paramLabel = "N", required = true, description = "How many users there are.")
    private long users;

    @Option(
            names = "--requests-per-day",
            paramLabel = "M",
            required = true,
            description = "Requests of each user in a day, such as 50 or 0.5.")
    private double requests;

    @Option(names = "--prices", paramLabel = "FILE", required = true, description = "What machines cost.")
    @SuppressWarnings("NullAway.Init") // required
    private Path prices;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description =
                    "What `./cloister bench launch --json` printed on the machine in question (default: the report that comes with"
                            + " this build, in docs/bench).")
    private @Nullable Path report;

    @Option(
            names = "--active-seconds",
            paramLabel = "S",
            defaultValue = "660",
            description =
                    "How long an agent is there for a request: a minute for the answer, and as long as agent.idle-timeout"
                            + " (default: ${DEFAULT-VALUE}).")
    private double activeSeconds;

    @Option(
            names = "--ready-hours",
            paramLabel = "H",
            defaultValue = "24",
            description = "Hours of a day in which the mode keeps something for a user, at work or at rest; see"
                    + " container.idle-timeout (default: ${DEFAULT-VALUE}).")
    private double readyHours;

    @Option(
            names = "--disk",
            paramLabel = "GIB",
            defaultValue = "1",
            description = "Disk of each user (default: ${DEFAULT-VALUE}).")
    private double disk;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() {
        require(users >= 1 && users <= MOST_USERS, "--users must be 1 to " + MOST_USERS);
        require(isAmount(requests), "--requests-per-day must be 0 to 1000000");
        require(isAmount(activeSeconds), "--active-seconds must be 0 to 1000000");
        require(isAmount(disk), "--disk must be 0 to 1000000 GiB");
        require(readyHours >= 0 && readyHours <= HOURS_PER_DAY, "--ready-hours must be 0 to 24");
        Workload workload = new Workload(users, requests, activeSeconds, readyHours, disk);
        require(
                workload.activeHoursPerDay() <= readyHours,
                "--ready-hours: a user with %s requests of %s active seconds is at work for %.2f hours of a day; give more ready hours, or fewer --active-seconds"
                        .formatted(requests, activeSeconds, workload.activeHoursPerDay()));
        MachinePrices read = PricesFile.read(prices, LocalDate.now(Clock.systemUTC()));
        JsonNode cost = Cost.of(workload, read, measured()).json();
        Console console = Console.of(spec);
        if (json) {
            console.print(cost);
        } else {
            console.out().print(CostPage.text(cost));
        }
        console.out().flush();
        return 0;
    }

    private static boolean isAmount(double value) {
        return value >= 0 && value <= MOST;
    }

    private void require(boolean right, String otherwise) {
        if (!right) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }

    private JsonNode measured() {
        if (report == null) {
            return shipped();
        }
        try {
            JsonNode read = JsonMapper.shared().readTree(Files.readString(report));
            if (read.path("bench").asString("").equals("launch")) {
                return read;
            }
            throw CloisterException.invalid(
                    "--report: " + report + " is not what ./cloister bench launch --json prints; make such a file");
        } catch (IOException | JacksonException e) {
            throw new CloisterException(
                    ErrorCode.INVALID_REQUEST,
                    "--report: " + report
                            + " cannot be read as JSON; name a file that ./cloister bench launch --json printed",
                    e);
        }
    }

    private static JsonNode shipped() {
        try (InputStream in = CostCommand.class.getResourceAsStream(SHIPPED)) {
            if (in == null) {
                throw CloisterException.invalid(
                        "--report: this build comes without a report; make one by ./cloister bench launch --json, and name its file");
            }
            return JsonMapper.shared().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
