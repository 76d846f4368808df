package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What benchmarks with a server of their own are tested for. */
final class BenchTraces {
    private BenchTraces() {}

    /** Runs one that has to come to a report, and leave nothing. */
    static JsonNode report(String... arguments) throws IOException {
        Set<String> before = traces();
        CommandRun run = CommandRun.of(arguments);
        assertThat(run.out()).as(run.err()).startsWith("{");
        JsonNode all = JsonMapper.shared().readTree(run.out());
        assertThat(run.status())
                .as(run.err())
                .isEqualTo(all.path("met").asBoolean() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE);
        assertThat(all.path("promises"))
                .allSatisfy(one -> assertThat(one.path("outcome").asString()).isIn("met", "MISSED"));
        assertThat(traces()).isEqualTo(before);
        return all;
    }

    /** The objects of a list, by a field that each has. */
    record Rows(Map<String, JsonNode> all) {
        static Rows of(JsonNode list, String field) {
            Map<String, JsonNode> all = new HashMap<>();
            list.forEach(one -> all.put(one.path(field).asString(), one));
            return new Rows(all);
        }

        Set<String> names() {
            return all.keySet();
        }

        JsonNode row(String name) {
            return Optional.ofNullable(all.get(name))
                    .orElseThrow(() -> new AssertionError("there is no " + name + " among " + names()));
        }
    }

    private static Set<String> traces() throws IOException {
        Set<String> all = new TreeSet<>();
        for (Path place : Set.of(Path.of(System.getProperty("java.io.tmpdir")), Path.of("/run"))) {
            try (Stream<Path> files = Files.list(place)) {
                files.map(Path::toString)
                        .filter(name -> name.contains("cloister-server-")
                                || name.contains("cloister-exec-")
                                || name.startsWith("/run/cloister"))
                        .forEach(all::add);
            }
        }
        all.addAll(ProcessHandle.current()
                .descendants()
                .map(ProcessHandle::toString)
                .collect(Collectors.toSet()));
        return all;
    }
}
