package dev.cloister.cli.bench;

import dev.cloister.core.config.MachinePrices;
import dev.cloister.core.config.MachinePrices.Item;
import dev.cloister.core.config.MachinePrices.Price;
import dev.cloister.spi.IsolationMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What users cost in a month of 30 days, by what was measured of each mode and by somebody's prices. Pure.
 *
 * @param machine on which it was measured, as the report has it
 * @param leftOut modes of which the report does not say enough, and why
 */
public record Cost(
        Workload workload, MachinePrices prices, JsonNode machine, List<OfMode> modes, Map<String, String> leftOut) {
    private static final double MIB_PER_GIB = 1024;
    private static final double MS_PER_HOUR = 3_600_000;
    private static final double HOURS_PER_DAY = 24;

    /**
     * What was measured of a mode.
     *
     * @param restMib of a tenant at rest
     * @param workingMib of one whose agent is there
     * @param turnMs processor time of a request, the tenant's and the server's
     * @param serverMib of the server, once for all
     */
    public record Measures(double restMib, double workingMib, double turnMs, double serverMib) {}

    /**
     * What is needed in a month and paid for.
     *
     * @param restGibHours memory that the mode keeps for users
     * @param workingGibHours memory that their agents take on top of that
     * @param serverGibHours memory of the server
     */
    public record Amounts(
            double restGibHours,
            double workingGibHours,
            double serverGibHours,
            double vcpuHours,
            double diskGibMonths,
            double requests) {
        static Amounts of(Measures measures, Workload workload) {
            // A little less than nothing was measured where there is nothing.
            double rest = Math.max(0, measures.restMib());
            double more = Math.max(0, measures.workingMib() - rest);
            return new Amounts(
                    workload.readyHoursOfAll() * rest / MIB_PER_GIB,
                    workload.activeHours() * more / MIB_PER_GIB,
                    Workload.DAYS * HOURS_PER_DAY * measures.serverMib() / MIB_PER_GIB,
                    workload.requests() * measures.turnMs() / MS_PER_HOUR,
                    workload.users() * workload.diskGib(),
                    workload.requests());
        }
    }

    /** What that costs, in the currency of the prices. */
    public record Money(double rest, double working, double server, double vcpu, double disk, double requests) {
        static Money of(Amounts amounts, MachinePrices prices) {
            double memory = prices.of(Item.MEMORY_GIB_HOUR);
            return new Money(
                    amounts.restGibHours() * memory,
                    amounts.workingGibHours() * memory,
                    amounts.serverGibHours() * memory,
                    amounts.vcpuHours() * prices.of(Item.VCPU_HOUR),
                    amounts.diskGibMonths() * prices.of(Item.DISK_GIB_MONTH),
                    amounts.requests() * prices.of(Item.REQUEST));
        }

        public double total() {
            return rest + working + server + vcpu + disk + requests;
        }
    }

    public record OfMode(String mode, Measures measures, Amounts amounts, Money money) {}

    public Cost {
        modes = List.copyOf(modes);
        leftOut = Collections.unmodifiableMap(new LinkedHashMap<>(leftOut));
    }

    /** @param report what {@code cloister bench launch --json} printed */
    public static Cost of(Workload workload, MachinePrices prices, JsonNode report) {
        List<OfMode> modes = new ArrayList<>();
        Map<String, String> leftOut = new LinkedHashMap<>();
        for (String mode : ModeTable.modes(report)) {
            List<String> missing = new ArrayList<>();
            Measures measures = new Measures(
                    take(report, mode, ModeFigure.REST, missing),
                    take(report, mode, ModeFigure.WORKING, missing),
                    take(report, mode, ModeFigure.TENANT_CPU, missing)
                            + take(report, mode, ModeFigure.SERVER_CPU, missing),
                    take(report, mode, ModeFigure.SERVER, missing));
            if (missing.isEmpty()) {
                Amounts amounts = Amounts.of(measures, workload);
                modes.add(new OfMode(mode, measures, amounts, Money.of(amounts, prices)));
            } else {
                leftOut.put(
                        mode,
                        "the report does not have \"" + String.join("\", \"", missing)
                                + "\"; make one by ./cloister bench launch --json on a host where it can be measured");
            }
        }
        for (JsonNode one : report.path("left_out")) {
            String name = one.path("name").asString();
            if (IsolationMode.of(name).isPresent()) {
                leftOut.put(name, one.path("why").asString());
            }
        }
        return new Cost(workload, prices, report.path("machine"), modes, leftOut);
    }

    private static double take(JsonNode report, String mode, ModeFigure figure, List<String> missing) {
        Optional<Double> found = figure.in(report, mode);
        if (found.isEmpty()) {
            missing.add(figure.of(mode));
        }
        return found.orElse(0.0);
    }

    public double perThousand(OfMode mode) {
        return mode.money().total() * 1000 / workload.users();
    }

    public ObjectNode json() {
        ObjectNode all = JsonMapper.shared()
                .createObjectNode()
                .put("users", workload.users())
                .put("requests_per_user_and_day", workload.requestsPerDay())
                .put("active_seconds_per_request", workload.activeSeconds())
                .put("ready_hours_per_day", workload.readyHours())
                .put("disk_gib_per_user", workload.diskGib())
                .put("currency", prices.currency());
        ArrayNode list = all.putArray("prices");
        prices.prices().forEach((item, price) -> list.add(json(item, price)));
        all.set("machine", machine);
        ArrayNode rows = all.putArray("modes");
        modes.forEach(mode -> rows.add(json(mode)));
        ArrayNode missing = all.putArray("left_out");
        leftOut.forEach((name, why) -> missing.addObject().put("name", name).put("why", why));
        return all;
    }

    private static ObjectNode json(Item item, Price price) {
        return JsonMapper.shared()
                .createObjectNode()
                .put("item", item.key())
                .put("amount", price.amount())
                .put("source", price.source())
                .put("as_of", price.asOf().toString());
    }

    private ObjectNode json(OfMode mode) {
        ObjectNode row = JsonMapper.shared().createObjectNode().put("mode", mode.mode());
        Measures measures = mode.measures();
        row.putObject("measured")
                .put("rest_mib", measures.restMib())
                .put("working_mib", measures.workingMib())
                .put("turn_cpu_ms", rounded(measures.turnMs()))
                .put("server_mib", measures.serverMib());
        Amounts amounts = mode.amounts();
        row.putObject("amounts")
                .put("rest_gib_hours", rounded(amounts.restGibHours()))
                .put("working_gib_hours", rounded(amounts.workingGibHours()))
                .put("server_gib_hours", rounded(amounts.serverGibHours()))
                .put("vcpu_hours", rounded(amounts.vcpuHours()))
                .put("disk_gib_months", rounded(amounts.diskGibMonths()))
                .put("requests", rounded(amounts.requests()));
        Money money = mode.money();
        row.putObject("cost")
                .put("rest", rounded(money.rest()))
                .put("working", rounded(money.working()))
                .put("server", rounded(money.server()))
                .put("vcpu", rounded(money.vcpu()))
                .put("disk", rounded(money.disk()))
                .put("requests", rounded(money.requests()))
                .put("total", rounded(money.total()))
                .put("per_1000_users", rounded(perThousand(mode)));
        return row;
    }

    private static double rounded(double value) {
        return Math.round(value * 1e4) / 1e4;
    }
}
