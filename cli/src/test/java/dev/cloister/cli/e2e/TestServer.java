package dev.cloister.cli.e2e;

import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A whole server inside the test's JVM, with a directory of its own that every uid can walk to. */
final class TestServer implements Calls, AutoCloseable {
    static final JsonMapper JSON = JsonMapper.builder().build();
    static final String MODEL = "claude-sonnet-5";

    private static final int RANGES = 8192;

    /** Drawn ranges would meet now and then, and one server end what runs for another. */
    private static final AtomicLong RANGE =
            new AtomicLong(ProcessHandle.current().pid() * 64);

    private final Path directory;
    private final String uids = uidRange();
    private Map<String, String> options;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private Cloister server;
    private CloisterConfig config;

    private TestServer(Path directory, Map<String, String> options) {
        this.directory = directory;
        this.options = options;
        this.config = config();
        this.server = started();
    }

    /** A server with the scripted upstream; the options are keys of the configuration. */
    static TestServer start(Map<String, String> options) throws IOException {
        Path directory = Files.createTempDirectory("cloister-e2e");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        return new TestServer(directory, options);
    }

    /** Where the tests find the agent; `./cloister verify` installs it and says so. */
    static String agent() {
        return Optional.ofNullable(System.getenv("CLOISTER_AGENT_EXECUTABLE"))
                .orElseThrow(() -> new IllegalStateException(
                        "CLOISTER_AGENT_EXECUTABLE is not set: run the tests by ./cloister verify"));
    }

    /** The mode that the whole suite runs in; `./cloister verify` runs it in the one that this host's auto is. */
    static String isolation() {
        return Optional.ofNullable(System.getenv("CLOISTER_TEST_ISOLATION")).orElse("auto");
    }

    /** One that no other server of this JVM or of one beside it has. */
    private static String uidRange() {
        long first = 0x2000_0000L + RANGE.getAndIncrement() % RANGES * 0x1_0000;
        return first + "-" + (first + 0xffff);
    }

    private CloisterConfig config() {
        Map<String, String> all = new HashMap<>();
        all.put("tenants.uid-range", uids);
        all.put("data", directory.resolve("d").toString());
        all.put("run", directory.resolve("r").toString());
        all.put("port", "0");
        all.put("upstream.url", "scripted");
        all.put("agent.executable", agent());
        all.put("isolation.mode", isolation());
        all.putAll(options);
        return ConfigLoader.load(Optional.empty(), Map.of(), all, HostFacts.defaults());
    }

    private Cloister started() {
        Cloister cloister = Cloister.start(config);
        cloister.proveAgent();
        return cloister;
    }

    /** Stops the server and starts another on the same data. */
    void restart() {
        server.close();
        server = started();
    }

    /** Stops the server and leaves its data, for what is done while none runs. */
    void stop() {
        server.close();
    }

    /** Starts another on the same data, with these options besides the former ones. */
    void startWith(Map<String, String> more) {
        options = new HashMap<>(options);
        options.putAll(more);
        config = config();
        server = started();
    }

    CloisterConfig configuration() {
        return config;
    }

    /** The tenant's tree on the host that has this file, whatever the tenant itself calls it. */
    Path treeWith(String file) throws IOException {
        try (Stream<Path> trees = Files.list(workspaces())) {
            return trees.filter(tree -> Files.exists(tree.resolve(file)))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no tree has " + file));
        }
    }

    /** The mode in force. */
    IsolationMode mode() {
        return server.guarantees().mode();
    }

    /** What the mode in force holds on this host. */
    Set<Guarantee> guarantees() {
        return server.guarantees().holds();
    }

    IsolationMode isolationMode() {
        return server.guarantees().mode();
    }

    Path workspaces() {
        return config.paths().workspaces();
    }

    Path run() {
        return config.paths().run();
    }

    Path data() {
        return config.paths().data();
    }

    @Override
    public URI uri(String path) {
        return URI.create("http://127.0.0.1:" + server.port() + path);
    }

    @Override
    public HttpClient http() {
        return http;
    }

    /** A step for the scripted upstream. */
    static ObjectNode bash(String command) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Bash");
        step.putObject("input").put("command", command).put("description", "test");
        return step;
    }

    static ObjectNode read(String path) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Read");
        step.putObject("input").put("file_path", path);
        return step;
    }

    static ObjectNode write(String path, String content) {
        ObjectNode step = JSON.createObjectNode().put("tool", "Write");
        step.putObject("input").put("file_path", path).put("content", content);
        return step;
    }

    static String script(ObjectNode... steps) {
        ArrayNode array = JSON.createArrayNode().addAll(Arrays.asList(steps));
        return "```script\n" + array + "\n```";
    }

    static ObjectNode message(String text) {
        ObjectNode body = JSON.createObjectNode().put("model", MODEL).put("max_tokens", 1024);
        body.putArray("messages").addObject().put("role", "user").put("content", text);
        return body;
    }

    static JsonNode results(HttpResponse<String> response) {
        return JSON.readTree(text(response));
    }

    /** The answer's text. */
    static String text(HttpResponse<String> response) {
        if (response.statusCode() != 200) {
            throw new AssertionError("HTTP " + response.statusCode() + ": " + response.body());
        }
        return JSON.readTree(response.body())
                .path("content")
                .path(0)
                .path("text")
                .asString();
    }

    static String session(HttpResponse<?> response) {
        return response.headers().firstValue("cloister-session").orElseThrow();
    }

    @Override
    public void close() throws IOException {
        server.close();
        http.close();
        try {
            new ProcessBuilder("rm", "-rf", "--", directory.toString()).start().waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
