package dev.cloister.cli.bench;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** What {@link Cost#json} says, for people: as a table for a terminal, and as a section of a document. Pure. */
public final class CostPage {
    /** What is counted, and how. */
    private static final List<String> MODEL = List.of(
            "requests: users × requests a day × " + Workload.DAYS + " days",
            "rest: memory of a tenant at rest × users × ready hours a day × " + Workload.DAYS + " days",
            "working: memory of a working tenant beyond that at rest × requests × active seconds",
            "server: memory of one server × 24 hours × " + Workload.DAYS + " days",
            "vcpu: processor time of a cold turn, the tenant's and the server's, × requests",
            "disk: GiB of a user × users",
            "requests: what is charged by the piece");

    private static final List<String> LIMITS = List.of(
            "At the most: every request is taken to start an agent, and to have it kept for itself alone.",
            "Not counted: the model's tokens, what tools do beyond the agent's own time, headroom for peaks (a machine is paid for"
                    + " whole), the operating system, an engine's own growth, images and templates on disk, network, backups, people.");

    private static final List<String> COLUMNS =
            List.of("rest", "working", "server", "vcpu", "disk", "requests", "total");

    private CostPage() {}

    private static String number(JsonNode value) {
        return value.isNumber()
                ? BigDecimal.valueOf(value.asDouble()).stripTrailingZeros().toPlainString()
                : value.asString("");
    }

    private static String money(JsonNode row, String column) {
        return String.format(Locale.ROOT, "%.2f", row.path("cost").path(column).asDouble());
    }

    private static String workload(JsonNode cost) {
        return "%s users with %s requests a day each; %s active seconds for a request, %s ready hours a day, %s GiB of disk for a user"
                .formatted(
                        number(cost.path("users")),
                        number(cost.path("requests_per_user_and_day")),
                        number(cost.path("active_seconds_per_request")),
                        number(cost.path("ready_hours_per_day")),
                        number(cost.path("disk_gib_per_user")));
    }

    private static String measured(JsonNode row) {
        JsonNode measured = row.path("measured");
        return "%s MiB at rest, %s MiB working, %s ms a turn, server %s MiB"
                .formatted(
                        number(measured.path("rest_mib")),
                        number(measured.path("working_mib")),
                        number(measured.path("turn_cpu_ms")),
                        number(measured.path("server_mib")));
    }

    /** For a terminal. */
    public static String text(JsonNode cost) {
        String currency = cost.path("currency").asString();
        StringBuilder text = new StringBuilder(workload(cost)).append("\n\n");
        text.append("  %-14s".formatted(currency + " a month"));
        COLUMNS.forEach(column -> text.append(" %10s".formatted(column)));
        text.append(" %14s%n".formatted("1000 users"));
        for (JsonNode row : cost.path("modes")) {
            text.append("  %-14s".formatted(row.path("mode").asString()));
            COLUMNS.forEach(column -> text.append(" %10s".formatted(money(row, column))));
            text.append(" %14s%n".formatted(money(row, "per_1000_users")));
        }
        text.append("\nmeasured\n");
        for (JsonNode row : cost.path("modes")) {
            text.append("  %s: %s%n".formatted(row.path("mode").asString(), measured(row)));
        }
        text.append("\nprices\n");
        for (JsonNode price : cost.path("prices")) {
            text.append("  %s: %s %s; %s, %s%n"
                    .formatted(
                            price.path("item").asString(),
                            number(price.path("amount")),
                            currency,
                            price.path("source").asString(),
                            price.path("as_of").asString()));
        }
        text.append("\nmodel\n");
        MODEL.forEach(line -> text.append("  ").append(line).append('\n'));
        text.append('\n');
        LIMITS.forEach(line -> text.append("  ").append(line).append('\n'));
        for (JsonNode one : cost.path("left_out")) {
            text.append("  left out: %s: %s%n"
                    .formatted(one.path("name").asString(), one.path("why").asString()));
        }
        return text.toString();
    }

    /** A section of a document. */
    static String markdown(JsonNode cost) {
        String currency = cost.path("currency").asString();
        StringBuilder text = new StringBuilder("## What users cost in a month\n\n");
        text.append("By `./cloister cost`: ").append(workload(cost)).append(".\n\n| ");
        text.append(currency).append(" a month |");
        COLUMNS.forEach(column -> text.append(' ').append(column).append(" |"));
        text.append(" 1000 users |\n|---|")
                .append("--:|".repeat(COLUMNS.size() + 1))
                .append('\n');
        for (JsonNode row : cost.path("modes")) {
            text.append("| ").append(row.path("mode").asString()).append(" |");
            COLUMNS.forEach(
                    column -> text.append(' ').append(money(row, column)).append(" |"));
            text.append(' ').append(money(row, "per_1000_users")).append(" |\n");
        }
        text.append("\n| price | ").append(currency).append(" | source | as of |\n|---|--:|---|---|\n");
        for (JsonNode price : cost.path("prices")) {
            text.append("| %s | %s | %s | %s |%n"
                    .formatted(
                            price.path("item").asString(),
                            number(price.path("amount")),
                            price.path("source").asString().replace("|", "\\|"),
                            price.path("as_of").asString()));
        }
        text.append("\nThe model:\n\n");
        MODEL.forEach(line -> text.append("- ").append(line).append('\n'));
        text.append('\n').append(String.join(" ", LIMITS)).append("\n\nMeasured:\n\n");
        for (JsonNode row : cost.path("modes")) {
            text.append("- %s: %s%n".formatted(row.path("mode").asString(), measured(row)));
        }
        text.append('\n');
        for (JsonNode one : cost.path("left_out")) {
            text.append("Left out: %s: %s%n%n"
                    .formatted(one.path("name").asString(), one.path("why").asString()));
        }
        return text.toString();
    }
}
