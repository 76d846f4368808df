package dev.cloister.cli.bench;

import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** A report that {@link BenchReport#json} wrote, for people: as a table, as Markdown, and as a page of its own. Pure. */
public final class BenchPage {
    private static final String STYLE = """
            body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
            table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #d0d7de}
            td.n{text-align:right;font-variant-numeric:tabular-nums}td.bar{width:35%}
            .bar div{background:#57606a;height:.8rem;min-width:1px}.met{color:#116329}.missed{color:#a40e26;font-weight:600}
            @media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}.bar div{background:#8b949e}
            .met{color:#56d364}.missed{color:#ff7b72}}
            """;

    private BenchPage() {}

    /** Of the machine, in one line. */
    public static String machine(JsonNode report) {
        JsonNode machine = report.path("machine");
        return "%s, %s, %d × %s, as uid %d, Java %s; load average %s before, %s after"
                .formatted(
                        machine.path("kernel").asString(),
                        machine.path("architecture").asString(),
                        machine.path("processors").asInt(),
                        machine.path("processor").asString(),
                        machine.path("uid").asLong(),
                        machine.path("java").asString(),
                        machine.path("load_before"),
                        machine.path("load_after"));
    }

    private static String ms(JsonNode one, String field) {
        return String.format(Locale.ROOT, "%.3f", one.path(field).asDouble());
    }

    private static String ratio(JsonNode one) {
        return one.has("ratio")
                ? String.format(Locale.ROOT, "%.2f", one.path("ratio").asDouble())
                : "-";
    }

    private static String value(JsonNode one) {
        String unit = one.path("unit").asString();
        return BenchReport.shown(one.path("value").asDouble()) + (unit.isEmpty() ? "" : " " + unit);
    }

    /** For a terminal. */
    public static String text(JsonNode report) {
        StringBuilder text = new StringBuilder(machine(report)).append("\n\n");
        if (!report.path("results").isEmpty()) {
            String base = report.path("base").asString("");
            text.append("  %-44s %10s %10s %10s %10s %6s %8s%n"
                    .formatted("", "p50 ms", "min", "p95", "max", "n", base.isEmpty() ? "" : "× base"));
            for (JsonNode one : report.path("results")) {
                text.append("  %-44s %10s %10s %10s %10s %6d %8s%n"
                        .formatted(
                                one.path("name").asString(),
                                ms(one, "p50_ms"),
                                ms(one, "min_ms"),
                                ms(one, "p95_ms"),
                                ms(one, "max_ms"),
                                one.path("n").asInt(),
                                base.isEmpty() ? "" : ratio(one)));
            }
            text.append(base.isEmpty() ? "\n" : "\n  the base is " + base + "\n\n");
        }
        for (JsonNode one : report.path("figures")) {
            text.append("  %-60s %16s%n".formatted(one.path("name").asString(), value(one)));
        }
        text.append(report.path("figures").isEmpty() ? "" : "\n");
        for (JsonNode one : report.path("promises")) {
            text.append("  %-60s %-10s %s%n"
                    .formatted(
                            one.path("promise").asString(),
                            one.path("outcome").asString(),
                            one.path("found").asString()));
        }
        for (JsonNode one : report.path("left_out")) {
            text.append("  left out: %s: %s%n"
                    .formatted(one.path("name").asString(), one.path("why").asString()));
        }
        return text.toString();
    }

    /** A section of a document. */
    public static String markdown(JsonNode report) {
        StringBuilder text =
                new StringBuilder("## ").append(report.path("bench").asString()).append("\n\n");
        text.append(machine(report)).append(".\n\n");
        if (!report.path("results").isEmpty()) {
            text.append("| | p50 ms | min | p95 | max | n | × base |\n|---|--:|--:|--:|--:|--:|--:|\n");
            for (JsonNode one : report.path("results")) {
                text.append("| %s | %s | %s | %s | %s | %d | %s |%n"
                        .formatted(
                                one.path("name").asString(),
                                ms(one, "p50_ms"),
                                ms(one, "min_ms"),
                                ms(one, "p95_ms"),
                                ms(one, "max_ms"),
                                one.path("n").asInt(),
                                ratio(one)));
            }
            String base = report.path("base").asString("");
            text.append(base.isEmpty() ? "\n" : "\nThe base is " + base + ".\n\n");
        }
        if (!report.path("figures").isEmpty()) {
            text.append("| | |\n|---|--:|\n");
            for (JsonNode one : report.path("figures")) {
                text.append("| %s | %s |%n".formatted(one.path("name").asString(), value(one)));
            }
            text.append('\n');
        }
        if (!report.path("promises").isEmpty()) {
            text.append("| promised | found | |\n|---|---|---|\n");
            for (JsonNode one : report.path("promises")) {
                text.append("| %s | %s | %s |%n"
                        .formatted(
                                one.path("promise").asString(),
                                one.path("found").asString(),
                                one.path("outcome").asString()));
            }
            text.append('\n');
        }
        for (JsonNode one : report.path("left_out")) {
            text.append("Left out: %s: %s.%n%n"
                    .formatted(one.path("name").asString(), one.path("why").asString()));
        }
        return text.toString();
    }

    /** A page that needs nothing else. */
    public static String html(List<JsonNode> reports) {
        StringBuilder page = new StringBuilder("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">")
                .append(
                        "<meta name=\"viewport\" content=\"width=device-width\"><title>Cloister: benchmarks</title><style>")
                .append(STYLE)
                .append("</style><h1>Cloister: benchmarks</h1>");
        reports.forEach(report -> section(page, report));
        return page.append("</html>\n").toString();
    }

    private static void section(StringBuilder page, JsonNode report) {
        page.append("<h2>").append(escaped(report.path("bench").asString())).append("</h2><p>");
        page.append(escaped(machine(report))).append("</p>");
        double longest = 0;
        for (JsonNode one : report.path("results")) {
            longest = Math.max(longest, one.path("p50_ms").asDouble());
        }
        if (longest > 0) {
            page.append("<table><tr><th></th><th>p50 ms</th><th></th><th>min</th><th>p95</th><th>max</th><th>n</th>")
                    .append("<th>× base</th></tr>");
            for (JsonNode one : report.path("results")) {
                page.append("<tr><td>")
                        .append(escaped(one.path("name").asString()))
                        .append("</td>");
                number(page, ms(one, "p50_ms"));
                page.append("<td class=\"bar\"><div style=\"width:")
                        .append(Math.round(one.path("p50_ms").asDouble() / longest * 100))
                        .append("%\"></div></td>");
                number(page, ms(one, "min_ms"));
                number(page, ms(one, "p95_ms"));
                number(page, ms(one, "max_ms"));
                number(page, one.path("n").asString());
                number(page, ratio(one));
                page.append("</tr>");
            }
            page.append("</table>");
        }
        if (!report.path("figures").isEmpty()) {
            page.append("<table>");
            for (JsonNode one : report.path("figures")) {
                page.append("<tr><td>")
                        .append(escaped(one.path("name").asString()))
                        .append("</td>");
                number(page, value(one));
                page.append("</tr>");
            }
            page.append("</table>");
        }
        if (!report.path("promises").isEmpty()) {
            page.append("<table><tr><th>promised</th><th>found</th><th></th></tr>");
            for (JsonNode one : report.path("promises")) {
                String outcome = one.path("outcome").asString();
                page.append("<tr><td>")
                        .append(escaped(one.path("promise").asString()))
                        .append("</td><td>")
                        .append(escaped(one.path("found").asString()))
                        .append("</td><td class=\"")
                        .append(outcome.toLowerCase(Locale.ROOT).replace(' ', '-'))
                        .append("\">")
                        .append(escaped(outcome))
                        .append("</td></tr>");
            }
            page.append("</table>");
        }
        for (JsonNode one : report.path("left_out")) {
            page.append("<p>Left out: ")
                    .append(escaped(one.path("name").asString()))
                    .append(": ")
                    .append(escaped(one.path("why").asString()))
                    .append("</p>");
        }
    }

    private static void number(StringBuilder page, String text) {
        page.append("<td class=\"n\">").append(escaped(text)).append("</td>");
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
