package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.audit.Audit;
import dev.cloister.core.store.Store;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EgressCommandTest {
    private static final String A = "a".repeat(32);
    private static final String B = "b".repeat(32);

    private static String run(Path data, String... more) {
        StringWriter out = new StringWriter();
        CommandLine commands = Main.commandLine().setOut(new PrintWriter(out));
        String[] all = new String[more.length + 3];
        all[0] = "egress";
        all[1] = "--data";
        all[2] = data.toString();
        System.arraycopy(more, 0, all, 3, more.length);
        assertThat(commands.execute(all)).isZero();
        return out.toString();
    }

    @Test
    void whatWasObservedIsPrintedAsReadyMadeRules(@TempDir Path directory) {
        Path path = directory.resolve("d");
        assertThat(run(path)).contains("egress.mode to observe");
        DataDirectory data = DataDirectory.open(path);
        try (Store store = data.store()) {
            Audit audit = data.audit(store, Clock.systemUTC());
            audit.record(A, "egress.observed", Map.of("rule", "example.com"));
            audit.record(B, "egress.observed", Map.of("rule", "*.example.com:8443"));
            audit.record(B, "egress.observed", Map.of("rule", "example.com"));
            audit.record(B, "egress.denied", Map.of("target", "other.example:443"));
        }
        assertThat(run(path)).isEqualTo("""
                        egress:
                          mode: allowlist
                          rules:
                            - "*.example.com:8443"
                            - "example.com"
                        """);
        assertThat(run(path, "--tenant", A)).doesNotContain("8443");
        JsonNode json = JsonMapper.shared().readTree(run(path, "--json"));
        assertThat(json.path("rules")).hasSize(2);
        assertThat(json.path("tenants").path(B)).hasSize(2);
    }
}
