package dev.cloister.cli.attack;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Outcome;
import dev.cloister.isolation.tck.Result;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What came of attacks, for people, machines and paper. Pure. */
public final class AttackReport {
    private AttackReport() {}

    /** Promises that do not hold. */
    public static List<Result> broken(AttackRun.Report report) {
        return passed(report.results(), true);
    }

    private static List<Result> passed(List<Result> results, boolean promised) {
        return results.stream()
                .filter(result -> result.outcome() == Outcome.PASSED && result.promised() == promised)
                .toList();
    }

    private static List<String> places(AttackRun.Report report) {
        return report.results().stream().map(Result::place).distinct().toList();
    }

    private static List<Result> of(AttackRun.Report report, String place) {
        return report.results().stream()
                .filter(result -> result.place().equals(place))
                .toList();
    }

    private static long count(List<Result> results, Outcome outcome) {
        return results.stream().filter(result -> result.outcome() == outcome).count();
    }

    public static ObjectNode json(AttackRun.Report report) {
        ObjectNode all = JsonMapper.shared().createObjectNode();
        all.putObject("host")
                .put("kernel", report.host().kernel())
                .put("architecture", report.host().architecture())
                .put("uid", report.host().serverUid());
        ArrayNode results = all.putArray("results");
        for (Result result : report.results()) {
            Attack attack = result.attack();
            ObjectNode one = results.addObject()
                    .put("id", attack.id())
                    .put("family", attack.family().id())
                    .put("mode", result.place())
                    .put("vantage", attack.vantage().id())
                    .put("guarantee", attack.guarantee().name())
                    .put("promised", result.promised())
                    .put("outcome", result.outcome().name());
            if (result.promised() && result.outcome() == Outcome.PASSED) {
                one.put("detail", result.detail());
            }
        }
        ArrayNode left = all.putArray("left_out");
        report.left()
                .forEach((mode, findings) -> left.addObject()
                        .put("mode", mode.id())
                        .put("why", findings.stream().map(Object::toString).collect(Collectors.joining(" "))));
        ArrayNode notMade = all.putArray("not_made");
        report.notMade()
                .forEach((attack, why) ->
                        notMade.addObject().put("id", attack.id()).put("why", why));
        ObjectNode summary = all.putObject("summary");
        for (String place : places(report)) {
            ObjectNode one = summary.putObject(place);
            for (Outcome outcome : Outcome.values()) {
                one.put(outcome.name(), count(of(report, place), outcome));
            }
            one.put("broken", passed(of(report, place), true).size());
        }
        return all;
    }

    /** One cell of a matrix: how many of a family's attacks were blocked. */
    private static String cell(List<Result> results, Family family) {
        List<Result> some = results.stream()
                .filter(result -> result.attack().family() == family)
                .toList();
        long invalid = count(some, Outcome.INVALID);
        String text = count(some, Outcome.BLOCKED) + " of " + (some.size() - invalid);
        return some.isEmpty() ? "-" : invalid == 0 ? text : text + " (" + invalid + " invalid)";
    }

    private static List<Family> families(AttackRun.Report report) {
        return Stream.of(Family.values())
                .filter(family -> report.results().stream()
                        .anyMatch(result -> result.attack().family() == family))
                .toList();
    }

    public static String text(AttackRun.Report report) {
        StringBuilder text = new StringBuilder();
        List<String> places = places(report);
        text.append("blocked of each family; what got through is listed below\n\n")
                .append("  %-34s".formatted(""));
        places.forEach(place -> text.append("  %-18s".formatted(place)));
        text.append('\n');
        for (Family family : families(report)) {
            text.append("  %-34s".formatted(family.title()));
            places.forEach(place -> text.append("  %-18s".formatted(cell(of(report, place), family))));
            text.append('\n');
        }
        for (String place : places) {
            if (!place.equals(AttackRun.NONE)) {
                list(text, place + ": PASSED although promised", passed(of(report, place), true));
                list(text, place + ": passed, and not promised here", passed(of(report, place), false));
            }
            list(
                    text,
                    place + ": INVALID, without effect even where nothing stops them, or not made to their end",
                    of(report, place).stream()
                            .filter(result -> result.outcome() == Outcome.INVALID)
                            .toList());
        }
        if (!report.notMade().isEmpty()) {
            text.append("\nnot made, because they would prove nothing here\n");
            Map<String, String> byReason = report.notMade().entrySet().stream()
                    .collect(Collectors.groupingBy(
                            Map.Entry::getValue,
                            LinkedHashMap::new,
                            Collectors.mapping(entry -> entry.getKey().id(), Collectors.joining(", "))));
            byReason.forEach((why, ids) ->
                    text.append("  ").append(why).append(" (").append(ids).append(")\n"));
        }
        report.left().forEach((mode, findings) -> {
            text.append('\n').append(mode.id()).append(": not available here\n");
            findings.forEach(finding -> text.append("  ").append(finding).append('\n'));
        });
        List<Result> broken = broken(report);
        text.append('\n')
                .append(
                        broken.isEmpty()
                                ? "No promise was broken."
                                : "BROKEN: " + broken.size() + " attacks passed that should have been stopped.");
        return text.toString();
    }

    private static void list(StringBuilder text, String title, List<Result> results) {
        if (results.isEmpty()) {
            return;
        }
        text.append('\n').append(title).append('\n');
        results.forEach(result -> text.append("  %-30s %-34s %s\n"
                .formatted(result.attack().id(), result.attack().guarantee(), result.detail())));
    }

    /** One file that needs nothing else. */
    public static String html(AttackRun.Report report) {
        List<String> places = places(report);
        StringBuilder page = new StringBuilder("""
                <!doctype html>
                <html lang="en"><head><meta charset="utf-8"><title>Cloister: attacks</title>
                <meta name="viewport" content="width=device-width,initial-scale=1">
                <style>
                body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
                table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4}
                th{font-weight:600}.BLOCKED{color:#116329}.PASSED{color:#a40e26;font-weight:600}.open{color:#8a4600}.INVALID{color:#57606a}
                code{font-size:.92em}@media print{body{margin:0;max-width:none;font-size:10pt}tr{break-inside:avoid}thead{display:table-header-group}}
                </style></head><body>
                """);
        page.append("<h1>Attacks on Cloister's promises</h1><p>%s, %s, as uid %d. %s</p>"
                .formatted(
                        escaped(report.host().kernel()),
                        escaped(report.host().architecture()),
                        report.host().serverUid(),
                        broken(report).isEmpty()
                                ? "No promise was broken."
                                : "<strong class=PASSED>Promises were broken.</strong>"));
        page.append("<h2>Blocked, of each family</h2><table><thead><tr><th>family</th>");
        places.forEach(place -> page.append("<th>").append(escaped(place)).append("</th>"));
        page.append("</tr></thead><tbody>");
        for (Family family : families(report)) {
            page.append("<tr><td>").append(escaped(family.title())).append("</td>");
            places.forEach(place ->
                    page.append("<td>").append(cell(of(report, place), family)).append("</td>"));
            page.append("</tr>");
        }
        page.append(
                "</tbody></table><h2>Every attack</h2><table><thead><tr><th>attack</th><th>from</th><th>tries to break</th>");
        places.forEach(place -> page.append("<th>").append(escaped(place)).append("</th>"));
        page.append("</tr></thead><tbody>");
        Map<String, List<Result>> byAttack = report.results().stream()
                .collect(
                        Collectors.groupingBy(result -> result.attack().id(), LinkedHashMap::new, Collectors.toList()));
        byAttack.forEach((id, results) -> {
            page.append("<tr><td><code>")
                    .append(escaped(id))
                    .append("</code></td><td>")
                    .append(results.getFirst().attack().vantage().id())
                    .append("</td><td>")
                    .append(results.getFirst().attack().guarantee())
                    .append("</td>");
            for (String place : places) {
                page.append(results.stream()
                        .filter(result -> result.place().equals(place))
                        .findFirst()
                        .map(AttackReport::mark)
                        .orElse("<td>-</td>"));
            }
            page.append("</tr>");
        });
        return page.append("</tbody></table></body></html>\n").toString();
    }

    private static String mark(Result result) {
        boolean open = result.outcome() == Outcome.PASSED && !result.promised();
        String word = open && !result.place().equals(AttackRun.NONE)
                ? "passed, not promised"
                : open ? "passed" : result.outcome().name();
        return "<td class=%s>%s</td>".formatted(open ? "open" : result.outcome().name(), word);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
