package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The operator's attack command, with one family: the whole corpus takes minutes and is run before a release. */
class AttackCommandTest {
    /** The weakest that keeps tenants apart everywhere. */
    private static final String MODE = "directories";

    @TempDir
    Path data;

    private CommandRun run(String... more) {
        return CommandRun.of(Stream.concat(Stream.of("attack", "--data", data.toString()), Stream.of(more))
                .toArray(String[]::new));
    }

    private static Set<String> traces() throws IOException {
        try (Stream<Path> all = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return all.map(path -> path.getFileName().toString())
                    .filter(name -> name.startsWith("cloister-attack-"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    @Test
    void linksLeadNowhereInDirectoriesModeAndEverywhereWithoutIt() throws IOException {
        Set<String> before = traces();
        Path html = data.resolve("report.html");
        CommandRun run = run(
                "--isolation",
                "directories",
                "--family",
                "links",
                "--vantage",
                "sandbox",
                "--json",
                "--html",
                html.toString());
        assertThat(run.status()).as(run.out() + run.err()).isZero();
        JsonNode all = JsonMapper.shared().readTree(run.out());
        boolean root = HostFacts.defaults().isRoot();
        int made = root ? 10 : 9;
        assertThat(all.path("results").size()).isEqualTo(2 * made);
        for (JsonNode result : all.path("results")) {
            boolean walled = result.path("mode").asString().equals("directories");
            assertThat(result.path("family").asString()).isEqualTo("links");
            assertThat(result.path("guarantee").asString()).isEqualTo("FILES_OF_OTHERS_UNREADABLE");
            assertThat(result.path("promised").asBoolean()).isEqualTo(walled);
            assertThat(result.path("outcome").asString())
                    .as(result.path("id").asString())
                    .isEqualTo(walled ? "BLOCKED" : "PASSED");
        }
        assertThat(all.path("not_made").findValuesAsString("id")).isEqualTo(root ? List.of() : List.of("link-handle"));
        assertThat(all.path("summary").path("directories").path("broken").asInt(-1))
                .isZero();
        assertThat(run.err()).contains("directories: 1 of " + made + ", symlinks");
        assertThat(html)
                .content()
                .contains("link-self-root")
                .contains("No promise was broken.")
                .doesNotContain("http:")
                .doesNotContain("https:");
        assertThat(traces()).isEqualTo(before);
    }

    /** The same secret by the sandbox, the agent and the API; with the agent's rules alone most of it is there to be had. */
    @Test
    void sessionsOfOthersAreOutOfReachFromEveryVantagePoint() throws IOException {
        Set<String> before = traces();
        CommandRun run = run("--isolation", MODE, "--family", "sessions", "--json");
        assertThat(run.status()).as(run.out() + run.err()).isZero();
        Map<String, Map<String, Set<String>>> outcomes = new TreeMap<>();
        for (JsonNode result : JsonMapper.shared().readTree(run.out()).path("results")) {
            outcomes.computeIfAbsent(result.path("mode").asString(), mode -> new TreeMap<>())
                    .computeIfAbsent(result.path("vantage").asString(), vantage -> new TreeSet<>())
                    .add(result.path("outcome").asString());
        }
        assertThat(outcomes.get(MODE))
                .isEqualTo(Map.of("sandbox", Set.of("BLOCKED"), "agent", Set.of("BLOCKED"), "api", Set.of("BLOCKED")));
        assertThat(outcomes.get("no isolation"))
                .isEqualTo(Map.of("sandbox", Set.of("PASSED"), "agent", Set.of("PASSED"), "api", Set.of("PASSED")));
        assertThat(outcomes.getOrDefault("tool rules only", Map.of()).get("agent"))
                .contains("PASSED");
        assertThat(traces()).isEqualTo(before);
    }

    @Test
    void aWrongNameIsAnsweredWithTheRightOnes() {
        for (List<String> wrong : List.of(
                List.of("--isolation", "none"),
                List.of("--family", "none"),
                List.of("--vantage", "none"),
                List.of("--vantage", "api,none"))) {
            CommandRun run = run(wrong.toArray(String[]::new));
            assertThat(run.status()).isEqualTo(2);
            assertThat(run.err())
                    .containsAnyOf(
                            "directories, namespaces, chroot, container, microvm or all", "direct-reads, interpreters");
        }
    }
}
