package dev.cloister.cli;

import dev.cloister.cli.bench.BenchPage;
import dev.cloister.cli.bench.BenchReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** How a benchmark says what it found. */
final class ReportOptions {
    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Option(names = "--html", paramLabel = "FILE", description = "Write a page with a picture of it, too.")
    private @Nullable Path html;

    /** @return the command's exit code: 1 if something was promised that did not hold */
    int show(Console console, BenchReport report) throws IOException {
        JsonNode all = report.json();
        if (json) {
            console.print(all);
        } else {
            console.out().print(BenchPage.text(all));
        }
        console.out().flush();
        if (html != null) {
            Files.writeString(html, BenchPage.html(List.of(all)));
            console.progress().accept("the page is " + html);
        }
        return report.isMet() ? 0 : 1;
    }
}
