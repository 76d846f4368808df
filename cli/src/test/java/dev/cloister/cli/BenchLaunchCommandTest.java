package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The benchmark of launches measures what it says, and cleans up. What comes out is for people to judge. */
@Tag("alone")
class BenchLaunchCommandTest {
    private static final int ROUNDS = 7;
    private static final int IDLE_ROUNDS = 5;

    @TempDir
    Path data;

    private CommandRun run(String... more) {
        return CommandRun.of(Stream.concat(Stream.of("bench", "launch", "--data", data.toString()), Stream.of(more))
                .toArray(String[]::new));
    }

    @Test
    void everythingIsTimedEquallyOftenAndHeldAgainstTheFloor() throws IOException {
        Set<String> before = traces();
        CommandRun run = run("--rounds", Integer.toString(ROUNDS), "--tenants", "2", "--turns", "0", "--json");
        assertThat(run.status()).as(run.err()).isZero();
        JsonNode all = JsonMapper.shared().readTree(run.out());
        JsonNode machine = all.path("machine");
        assertThat(machine.path("processors").asInt()).isPositive();
        assertThat(machine.path("kernel").asString()).startsWith("Linux ");
        assertThat(machine.path("load_before").size()).isEqualTo(3);
        assertThat(machine.path("load_after").size()).isEqualTo(3);

        Map<String, JsonNode> results = new HashMap<>();
        all.path("results").forEach(one -> results.put(one.path("name").asString(), one));
        Set<String> missing = new TreeSet<>();
        all.path("left_out").forEach(one -> missing.add(one.path("name").asString()));
        assertThat(Stream.of("bare", "floor", "unshare", "bwrap", "nsjail", "docker exec", "directories (launcher)"))
                .allMatch(name -> results.containsKey(name) != missing.contains(name));
        assertThat(results).containsKeys("bare", "directories (launcher)", "directories (jvm)");
        for (String mode : Set.of("namespaces", "chroot")) {
            assertThat(results.containsKey(mode + " (launcher)")).isEqualTo(results.containsKey(mode + " (jvm)"));
        }
        assertThat(missing).contains("turns");
        assertThat(results.values()).allSatisfy(BenchLaunchCommandTest::isOrdered);
        results.forEach(
                (name, one) -> assertThat(one.path("n").asInt()).as(name).isEqualTo(times(name)));
        Set<String> figures = new TreeSet<>();
        all.path("figures").forEach(one -> figures.add(one.path("name").asString()));
        assertThat(results.keySet().stream().filter(name -> name.endsWith(" (jvm)")))
                .isNotEmpty()
                .map(name -> name.replace(" (jvm)", ""))
                .allSatisfy(mode -> {
                    assertThat(results)
                            .containsKeys(mode + ", opening, anew", mode + ", first use", mode + ", next use");
                    assertThat(figures)
                            .contains(mode + ": idle tenant, sandbox open", mode + ": idle tenant, sandbox closed");
                });
        if (results.containsKey("floor")) {
            double floor = results.get("floor").path("p50_ms").asDouble();
            assertThat(results.values())
                    .allSatisfy(one -> assertThat(one.path("ratio").asDouble())
                            .isCloseTo(one.path("p50_ms").asDouble() / floor, within(0.001)));
        }
        assertThat(all.path("promises").size()).isEqualTo(4);
        assertThat(traces()).isEqualTo(before);
    }

    /** How often it is timed: what is done with an idle tenant is not done in each round. */
    private static int times(String name) {
        if (name.endsWith(" use")) {
            return 2 * IDLE_ROUNDS;
        }
        return name.endsWith(", opening, anew") ? IDLE_ROUNDS : ROUNDS;
    }

    private static void isOrdered(JsonNode one) {
        assertThat(one.path("min_ms").asDouble())
                .isPositive()
                .isLessThanOrEqualTo(one.path("p50_ms").asDouble());
        assertThat(one.path("p95_ms").asDouble())
                .isBetween(one.path("p50_ms").asDouble(), one.path("max_ms").asDouble());
    }

    @Test
    void theTableSaysOfEachPromiseWhetherItIsMet() {
        CommandRun run = run("--rounds", "1", "--tenants", "0", "--turns", "0");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("(?m)^  namespaces \\(launcher\\) ≤ 1.600 × floor +(met|MISSED|not judged) ")
                .containsPattern(
                        "(?m)^  directories \\(launcher\\) ≤ bare \\+ 1 ms +(met|MISSED) +[0-9.]+ ms of [0-9.]+$")
                .containsPattern("(?m)^  bare +[0-9.]+");
    }

    @Test
    void noRoundsAreNoMeasurement() {
        assertThat(run("--rounds", "0").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(run("--tenants", "1001").status()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(run("--turns", "-1").status()).isEqualTo(CommandLine.ExitCode.USAGE);
    }

    /** What a run could leave: directories, mounts, control groups and processes. */
    private static Set<String> traces() throws IOException {
        Set<String> all = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            files.map(Path::toString)
                    .filter(name -> name.contains("cloister-bench"))
                    .forEach(all::add);
        }
        try (Stream<String> mounts = Files.lines(Path.of("/proc/self/mountinfo"))) {
            mounts.filter(line -> line.contains("cloister-bench")).forEach(all::add);
        }
        all.addAll(ProcessHandle.current()
                .descendants()
                .map(ProcessHandle::toString)
                .collect(Collectors.toSet()));
        all.addAll(groups(Path.of("/sys/fs/cgroup"), 4));
        return all;
    }

    private static Set<String> groups(Path directory, int depth) {
        Set<String> found = new TreeSet<>();
        try (Stream<Path> below = Files.list(directory)) {
            for (Path one : below.filter(Files::isDirectory).toList()) {
                // A sandbox of the benchmark's; other tests of other builds may be at work beside it.
                if (one.getFileName().toString().startsWith("be-")) {
                    found.add(one.toString());
                } else if (depth > 0) {
                    found.addAll(groups(one, depth - 1));
                }
            }
        } catch (IOException e) {
            // It went away meanwhile: another's.
            return found;
        }
        return found;
    }
}
