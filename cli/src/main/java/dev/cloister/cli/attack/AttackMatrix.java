package dev.cloister.cli.attack;

import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Outcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The matrix of reports that {@code cloister attack --json} made, as Markdown: what leaks where. Pure but for {@link #main}. */
public final class AttackMatrix {
    static final String BEGIN = "<!-- attack matrix: begin, made by ./cloister docs -->\n";
    static final String END = "<!-- attack matrix: end -->\n";
    private static final List<Family> ROWS =
            List.of(Family.DIRECT_READS, Family.INTERPRETERS, Family.LINKS, Family.SESSIONS, Family.TRACES);

    private AttackMatrix() {}

    /** @param reports as {@link AttackReport#json} writes them, by what is said of their modes; a mode counts where it comes first */
    public static String of(Map<String, JsonNode> reports) {
        Map<String, Map<String, int[]>> cells = new TreeMap<>();
        Set<String> modes = new LinkedHashSet<>(List.of(AttackRun.NONE, AttackRun.RULES));
        reports.forEach((said, report) -> {
            Set<String> before = Set.copyOf(modes);
            boolean first = cells.isEmpty();
            for (JsonNode result : report.path("results")) {
                String mode = result.path("mode").asString();
                String column = said.isEmpty() ? mode : mode + ", " + said;
                if (first || !before.contains(mode)) {
                    modes.add(column);
                    count(cells, result, column);
                }
            }
        });
        return table(cells, modes);
    }

    private static void count(Map<String, Map<String, int[]>> cells, JsonNode result, String column) {
        Outcome outcome = Outcome.valueOf(result.path("outcome").asString());
        int[] cell = cells.computeIfAbsent(result.path("family").asString(), family -> new TreeMap<>())
                .computeIfAbsent(column, one -> new int[2]);
        if (outcome != Outcome.INVALID) {
            cell[1]++;
            cell[0] += outcome == Outcome.PASSED ? 1 : 0;
        }
    }

    private static String table(Map<String, Map<String, int[]>> cells, Set<String> modes) {
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

    /** The matrix of what is checked in: the modes of this machine, and those that something of others runs, by what that is. */
    public static String published(Path directory) throws IOException {
        Map<String, JsonNode> reports = new LinkedHashMap<>();
        reports.put("", read(directory.resolve("host-root.json")));
        for (String name : List.of("container-runc", "container-gvisor", "microvm-qemu")) {
            Path report = directory.resolve(name + ".json");
            if (Files.exists(report)) {
                reports.put(name.substring(name.indexOf('-') + 1), read(report));
            }
        }
        return of(reports);
    }

    private static JsonNode read(Path report) throws IOException {
        return JsonMapper.shared().readTree(Files.readString(report));
    }

    /** Writes the matrix of the reports in a directory, the first argument, into a document, the second. */
    public static void main(String[] args) throws IOException {
        Path document = Path.of(args[1]);
        String matrix = published(Path.of(args[0]));
        Files.writeString(document, into(Files.readString(document), matrix), StandardCharsets.UTF_8);
    }
}
