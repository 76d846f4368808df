package dev.cloister.cli;

import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.core.error.CloisterException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a server does at its start and at first use, done once for the JVM to watch: the build makes the ahead-of-time cache of
 * it, and the start of every later server is as fast as this resembles it. In a temporary directory, without an agent, and
 * with nothing left behind.
 */
public final class Training {
    /** The first runs load the classes; some more, and their profiles say which methods are worth compiling. */
    private static final int ROUNDS = 10;

    private static final String AUTHORIZATION = "authorization";
    private static final String CREDENTIAL = "Bearer training-token";

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI base;

    private Training(URI base) {
        this.base = base;
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        run();
        System.exit(0);
    }

    /**
     * @throws CloisterException if no server can be started here
     * @throws IOException if it answered otherwise than it should
     */
    static void run() throws IOException, InterruptedException {
        try (TemporaryDirectory directory = TemporaryDirectory.make("training")) {
            CloisterConfig config = config(directory.path());
            // At the default level, so that its lines are written, too.
            Logging.configure(config.log());
            try (Cloister server = Cloister.start(config)) {
                launchAgent(server);
                Training training = new Training(URI.create("http://127.0.0.1:" + server.port()));
                try (HttpClient ignored = training.http) {
                    for (int i = 0; i < ROUNDS; i++) {
                        training.use();
                    }
                }
            }
        }
    }

    /** By way of the command line and a file, as servers are configured, and of no environment. */
    private static CloisterConfig config(Path directory) throws IOException {
        String[] arguments = {"serve", "--port", "0", "--upstream", "scripted", "--set", "log.level=info"};
        Main.commandLine(arguments).parseArgs(arguments);
        Path file = Files.writeString(directory.resolve("cloister.yaml"), """
                upstream:
                  url: scripted
                agent:
                  executable: /bin/true
                """);
        return ConfigLoader.load(
                Optional.of(file),
                Map.of(),
                Map.of("data", directory.resolve("data").toString(), "port", "0"),
                HostFacts.defaults());
    }

    /** All that comes before the agent's first word; there is none to say it. */
    private static void launchAgent(Cloister server) {
        try {
            server.proveAgent();
        } catch (CloisterException e) {
            return;
        }
        throw new IllegalStateException("the trial turn went well without an agent");
    }

    private void use() throws IOException, InterruptedException {
        for (String path : List.of("/healthz", "/metrics", "/openapi.json")) {
            expect(200, request(path).GET());
        }
        // There is no agent that could be ready.
        expect(503, request("/readyz").GET());
        expect(401, HttpRequest.newBuilder(base.resolve("/v1/sessions")).GET());
        expect(400, json("/v1/messages", "{}"));
        expect(503, json("/v1/messages", """
                        {"model": "%s", "max_tokens": 1, "messages": [{"role": "user", "content": "hello"}]}\
                        """.formatted(Client.MODEL)));
        String session = JsonMapper.shared()
                .readTree(expect(201, json("/v1/sessions", "{}")))
                .path("id")
                .asString();
        expect(200, request("/v1/sessions").GET());
        expect(204, request("/v1/sessions/" + session).DELETE());
        for (String path : List.of("/v1/guarantees", "/v1/usage")) {
            expect(200, request(path).GET());
        }
        expect(201, request("/v1/files/training.txt").PUT(BodyPublishers.ofString("training")));
        expect(200, request("/v1/files/training.txt").GET());
        expect(200, request("/v1/files/").GET());
        expect(204, request("/v1/files/training.txt").DELETE());
        ObjectNode command = Client.command(List.of("/bin/echo", "training"), Map.of());
        expect(200, json("/v1/exec", command.toString()));
        expect(200, json("/v1/exec", command.put("stream", true).toString()));
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path)).header(AUTHORIZATION, CREDENTIAL);
    }

    private HttpRequest.Builder json(String path, String body) {
        return request(path).header("content-type", "application/json").POST(BodyPublishers.ofString(body));
    }

    private String expect(int status, HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpRequest sent = request.build();
        HttpResponse<String> answer = http.send(sent, BodyHandlers.ofString());
        if (answer.statusCode() != status) {
            throw new IOException("%s %s was answered with %d and not %d: %s"
                    .formatted(sent.method(), sent.uri().getPath(), answer.statusCode(), status, answer.body()));
        }
        return answer.body();
    }
}
