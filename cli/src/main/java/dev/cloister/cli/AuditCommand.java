package dev.cloister.cli;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.audit.AuditVerdict;
import dev.cloister.core.audit.AuditVerifier;
import dev.cloister.core.store.Store;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The audit log. */
@Command(name = "audit", description = "Prove and read the audit log.", mixinStandardHelpOptions = true)
final class AuditCommand {
    private static final int PAGE = 500;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before any command
    private CommandSpec spec;

    @Command(
            name = "verify",
            description = "Prove that no entry was changed, removed or added behind the server's back.")
    int verify(
            @Mixin ConfigurationOptions configuration,
            @Option(names = "--json", description = "Print JSON.") boolean json) {
        DataDirectory data =
                DataDirectory.open(configuration.load(Map.of()).paths().data());
        try (Store store = data.store()) {
            return switch (AuditVerifier.verify(store, data.auditKey().bytes(), data.auditHead())) {
                case AuditVerdict.Intact intact -> {
                    ObjectNode report = JsonMapper.shared().createObjectNode();
                    report.put("intact", true).put("entries", intact.entries()).put("head", intact.headHash());
                    print(json, report, "intact: " + intact.entries() + " entries, head " + intact.headHash());
                    yield 0;
                }
                case AuditVerdict.Broken broken -> {
                    ObjectNode report = JsonMapper.shared().createObjectNode();
                    report.put("intact", false).put("entry", broken.seq()).put("why", broken.why());
                    print(json, report, "BROKEN at entry " + broken.seq() + ": " + broken.why());
                    yield 1;
                }
            };
        }
    }

    @Command(name = "tail", description = "Print the last entries.")
    int tail(
            @Mixin ConfigurationOptions configuration,
            @Option(names = "-n", defaultValue = "20", description = "How many (default: 20).") int count,
            @Option(names = "--json", description = "Print one JSON object per line.") boolean json) {
        DataDirectory data =
                DataDirectory.open(configuration.load(Map.of()).paths().data());
        try (Store store = data.store()) {
            long last = store.lastAudit().map(AuditEntry::seq).orElse(0L);
            long after = Math.max(0, last - Math.max(1, count));
            List<AuditEntry> page;
            do {
                page = store.audit(after, PAGE);
                for (AuditEntry entry : page) {
                    print(json, report(entry), line(entry));
                    after = entry.seq();
                }
            } while (!page.isEmpty());
        }
        return 0;
    }

    private static String line(AuditEntry entry) {
        return "%6d  %s  %-32s  %-18s  %s"
                .formatted(
                        entry.seq(), Instant.ofEpochMilli(entry.at()), entry.actor(), entry.action(), entry.detail());
    }

    private static ObjectNode report(AuditEntry entry) {
        ObjectNode report = JsonMapper.shared().createObjectNode();
        report.put("seq", entry.seq())
                .put("at", entry.at())
                .put("actor", entry.actor())
                .put("action", entry.action());
        report.set("detail", JsonMapper.shared().readTree(entry.detail()));
        report.put("hash", entry.hash());
        return report;
    }

    private void print(boolean json, ObjectNode report, String text) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? report.toString() : text);
        out.flush();
    }
}
