package dev.cloister.cli.attack;

import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Outcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The matrix of a report that {@code cloister attack --json} made, as Markdown: what leaks where. Pure but for {@link #main}. */
public final class AttackMatrix {
    static final String BEGIN = "<!-- attack matrix: begin, made by ./cloister docs -->\n";
    static final String END = "<!-- attack matrix: end -->\n";
    private static final List<Family> ROWS =
            List.of(Family.DIRECT_READS, Family.INTERPRETERS, Family.LINKS, Family.SESSIONS, Family.TRACES);

    private AttackMatrix() {}

    /** @param report as {@link AttackReport#json} writes it */
    public static String of(JsonNode report) {
        Map<String, Map<String, int[]>> cells = new TreeMap<>();
        Set<String> modes = new LinkedHashSet<>(List.of(AttackRun.NONE, AttackRun.RULES));
        for (JsonNode result : report.path("results")) {
            String mode = result.path("mode").asString();
            modes.add(mode);
            Outcome outcome = Outcome.valueOf(result.path("outcome").asString());
            int[] cell = cells.computeIfAbsent(result.path("family").asString(), family -> new TreeMap<>())
                    .computeIfAbsent(mode, one -> new int[2]);
            if (outcome != Outcome.INVALID) {
                cell[1]++;
                cell[0] += outcome == Outcome.PASSED ? 1 : 0;
            }
        }
        StringBuilder text = new StringBuilder("| attacks that got through |");
        modes.forEach(mode -> text.append(' ').append(mode).append(" |"));
        text.append("\n|---|").append("---|".repeat(modes.size())).append('\n');
        for (Family family : ROWS) {
            text.append("| ").append(family.title()).append(" |");
            Map<String, int[]> row = cells.getOrDefault(family.id(), Map.of());
            modes.forEach(mode -> text.append(' ').append(cell(row.get(mode))).append(" |"));
            text.append('\n');
        }
        return text.toString();
    }

    private static String cell(int @Nullable [] cell) {
        return cell == null ? "-" : cell[0] + " of " + cell[1];
    }

    /** The text with the matrix between its two marks. */
    public static String into(String text, String matrix) {
        int begin = text.indexOf(BEGIN);
        int end = text.indexOf(END);
        if (begin < 0 || end < begin) {
            throw new IllegalArgumentException("the marks of the attack matrix are missing: " + BEGIN + END);
        }
        return text.substring(0, begin + BEGIN.length()) + matrix + text.substring(end);
    }

    /** Writes the matrix of a report, the first argument, into a document, the second. */
    public static void main(String[] args) throws IOException {
        Path document = Path.of(args[1]);
        String matrix = of(JsonMapper.shared().readTree(Files.readString(Path.of(args[0]))));
        Files.writeString(document, into(Files.readString(document), matrix), StandardCharsets.UTF_8);
    }
}
