package dev.cloister.cli.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The official SDK for Node works against the server with nothing but its address and key changed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NodeSdkTest {
    private static final int MINUTES = 4;

    private TestServer server;

    @TempDir
    private Path home;

    @BeforeAll
    void start() throws IOException {
        // Small enough for a test that goes over it, large enough for all else.
        server = TestServer.start(Map.of("limits.body", "1MiB", "limits.prompt", "1MiB"));
    }

    @AfterAll
    void stop() throws IOException {
        server.close();
    }

    @TestFactory
    Stream<DynamicTest> messages() throws Exception {
        return cases("messages.mjs");
    }

    @TestFactory
    Stream<DynamicTest> errors() throws Exception {
        return cases("errors.mjs");
    }

    /** Runs a script to its end; each of its cases becomes a test. */
    private Stream<DynamicTest> cases(String script) throws Exception {
        Path output = home.resolve(script + ".out");
        Path errors = home.resolve(script + ".err");
        ProcessBuilder node = new ProcessBuilder(
                        "node", Path.of("..", "sdk-tests", script).toString())
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile());
        // Nothing of the caller's own: a key or a proxy of theirs would be used.
        String path = node.environment().getOrDefault("PATH", "");
        node.environment().clear();
        node.environment()
                .putAll(Map.of(
                        "PATH", path,
                        "HOME", home.toString(),
                        "CLOISTER_TEST_SDK", sdk(),
                        "CLOISTER_TEST_URL", server.uri("").toString()));
        Process process = node.start();
        try {
            assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES))
                    .as("%s ends", script)
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue())
                .as("%s", Files.readString(errors, UTF_8))
                .isZero();

        List<String> planned = new ArrayList<>();
        Map<String, String> failures = new LinkedHashMap<>();
        for (String line : Files.readAllLines(output, UTF_8)) {
            JsonNode json = TestServer.JSON.readTree(line);
            if (json.has("plan")) {
                json.path("plan").forEach(name -> planned.add(name.asString()));
            } else {
                failures.put(json.path("case").asString(), json.path("failure").asString());
            }
        }
        assertThat(failures.keySet()).isNotEmpty().containsExactlyInAnyOrderElementsOf(planned);
        return failures.entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        entry.getKey(),
                        () -> assertThat(entry.getValue()).as(entry.getKey()).isEmpty()));
    }

    private static String sdk() {
        return Optional.ofNullable(System.getenv("CLOISTER_TEST_SDK"))
                .orElseThrow(() ->
                        new IllegalStateException("CLOISTER_TEST_SDK is not set: run the tests by ./cloister verify"));
    }
}
