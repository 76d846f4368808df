package dev.cloister.cli;

import dev.cloister.cli.wiring.LayoutMigration;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.workspace.TranscriptMove;
import dev.cloister.spi.IsolationMode;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** From one isolation mode to another, with all sessions. */
@Command(
        name = "migrate",
        description = "Make a stopped server's data ready for another isolation mode, so that sessions go on there.",
        mixinStandardHelpOptions = true)
final class MigrateCommand implements Callable<Integer> {
    /** Who waits longer wants to see that something happens. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private CommandSpec spec;

    @Mixin
    private final ConfigurationOptions configuration = new ConfigurationOptions();

    @Option(
            names = "--to",
            paramLabel = "MODE",
            required = true,
            description = "The isolation mode that the server will have: directories, namespaces, …")
    private String to = "";

    @Option(names = "--dry-run", description = "Change nothing; print what would be changed.")
    private boolean dryRun;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() {
        IsolationMode mode = IsolationMode.of(to)
                .orElseThrow(() -> CloisterException.invalid("--to: must be one of "
                        + Stream.of(IsolationMode.values())
                                .map(IsolationMode::id)
                                .collect(Collectors.joining(", "))));
        LayoutMigration.Report report = LayoutMigration.run(configuration.load(Map.of()), mode, dryRun, progress());
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(report(mode, report));
        } else {
            print(out, mode, report);
        }
        out.flush();
        return 0;
    }

    private BiConsumer<Integer, Integer> progress() {
        PrintWriter err = spec.commandLine().getErr();
        long[] last = {System.nanoTime()};
        return (done, all) -> {
            if (done < all && System.nanoTime() - last[0] >= PATIENCE.toNanos()) {
                last[0] = System.nanoTime();
                err.println("cloister: " + done + " of " + all + " tenants");
                err.flush();
            }
        };
    }

    private void print(PrintWriter out, IsolationMode mode, LayoutMigration.Report report) {
        if (!report.rows().isEmpty()) {
            out.printf("%-32s  %-10s  %-7s  %s%n", "tenant", "uid", "new uid", "transcripts");
        }
        for (LayoutMigration.Row row : report.rows()) {
            out.printf(
                    "%-32s  %-10d  %-7s  %s%n",
                    row.tenant(), row.uid(), row.newUid() ? "yes" : "no", words(row.transcripts()) + kept(row));
        }
        long changes =
                report.rows().stream().filter(LayoutMigration.Row::changes).count();
        out.println(
                dryRun
                        ? "nothing was changed; " + changes + " of "
                                + report.rows().size() + " tenants would be"
                        : changes + " of " + report.rows().size()
                                + " tenants changed; start the server with --isolation " + mode.id());
    }

    private static String kept(LayoutMigration.Row row) {
        return row.keptOwner() == 0
                ? ""
                : "; " + row.keptOwner()
                        + " files keep another owner: they are not the tenant's alone, or lie too deep";
    }

    private static String words(TranscriptMove move) {
        return switch (move) {
            case TranscriptMove.Nothing nothing -> "none to move";
            case TranscriptMove.Renamed renamed -> "moved";
            case TranscriptMove.Merged merged ->
                "merged: %d moved, %d names in both (the older is beside the newer, as NAME.before-migration-N), %d left"
                        .formatted(merged.files(), merged.clashes(), merged.left());
            case TranscriptMove.Skipped skipped -> "SKIPPED: " + skipped.why();
        };
    }

    private ObjectNode report(IsolationMode mode, LayoutMigration.Report report) {
        ObjectNode node = JsonMapper.shared().createObjectNode();
        node.put("dry_run", dryRun)
                .put("mode", mode.id())
                .put("from", report.from().id())
                .put("to", report.to().id());
        ArrayNode tenants = node.putArray("tenants");
        for (LayoutMigration.Row row : report.rows()) {
            ObjectNode one = tenants.addObject()
                    .put("tenant", row.tenant().value())
                    .put("uid", row.uid())
                    .put("new_uid", row.newUid())
                    .put("files_of_other_owner", row.keptOwner());
            switch (row.transcripts()) {
                case TranscriptMove.Nothing nothing -> one.put("transcripts", "none");
                case TranscriptMove.Renamed renamed -> one.put("transcripts", "renamed");
                case TranscriptMove.Merged merged ->
                    one.put("transcripts", "merged")
                            .put("moved", merged.files())
                            .put("clashes", merged.clashes())
                            .put("left", merged.left());
                case TranscriptMove.Skipped skipped ->
                    one.put("transcripts", "skipped").put("why", skipped.why());
            }
        }
        return node;
    }
}
