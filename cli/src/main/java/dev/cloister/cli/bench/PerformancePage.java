package dev.cloister.cli.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The document of all reports that {@code cloister bench … --json} and {@code cloister cost --json} made and that were kept. */
public final class PerformancePage {
    private static final String LAUNCH = "launch.json";
    private static final String COST = "cost.json";

    private static final String HEAD = """
            # What Cloister costs, measured

            Made by `./cloister docs` from the files in [bench](bench), each of which is what `./cloister bench NAME --json` printed in one run,
            or `./cloister cost --json` made of that. Nothing here is typed. Times differ between machines and with what else runs on them:
            compare within a table, and do not quote. What is promised and was missed says so.

            """;

    private PerformancePage() {}

    /** The document: the modes and what users cost, where there are reports of that, and then all reports in the order of their files' names. */
    public static String of(Path directory) {
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, "*.json")) {
            found.forEach(files::add);
        } catch (IOException e) {
            throw new UncheckedIOException("the reports cannot be read", e);
        }
        Path cost = directory.resolve(COST);
        return HEAD
                + section(directory.resolve(LAUNCH), ModeTable::markdown)
                + section(cost, CostPage::markdown)
                + files.stream()
                        .filter(file -> !file.equals(cost))
                        .sorted()
                        .map(PerformancePage::report)
                        .map(BenchPage::markdown)
                        .collect(Collectors.joining())
                        .strip()
                + "\n";
    }

    private static String section(Path file, Function<JsonNode, String> made) {
        return Files.exists(file) ? made.apply(report(file)) : "";
    }

    private static JsonNode report(Path file) {
        try {
            return JsonMapper.shared().readTree(Files.readString(file));
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be read", e);
        }
    }

    /** Writes the document of the directory that is the first argument to the file that is the second. */
    public static void main(String[] args) throws IOException {
        Files.writeString(Path.of(args[1]), of(Path.of(args[0])), StandardCharsets.UTF_8);
    }
}
