package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A server in a sandbox is reached by its tenant while it runs, and by nobody else. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PortsTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    private TestServer closed;
    private TestServer server;

    @BeforeAll
    void start() throws IOException {
        closed = TestServer.start(Map.of());
        assumeTrue(closed.isolationMode() != IsolationMode.DIRECTORIES, "a mode with a network of its own");
        server = TestServer.start(Map.of("ports.open", "true"));
    }

    @AfterAll
    void stop() throws IOException {
        closed.close();
        if (server != null) {
            server.close();
        }
    }

    /** A command whose client stays; closing it ends the command. */
    private InputStream running(String token, String script) throws Exception {
        String body = TestServer.JSON
                .createObjectNode()
                .put("stream", true)
                .set(
                        "command",
                        TestServer.JSON
                                .createArrayNode()
                                .add("/bin/sh")
                                .add("-c")
                                .add(script))
                .toString();
        HttpResponse<InputStream> response = server.http()
                .send(
                        server.request(token, "/v1/exec")
                                .header("content-type", "application/json")
                                .POST(BodyPublishers.ofString(body))
                                .build(),
                        BodyHandlers.ofInputStream());
        assertThat(response.statusCode()).isEqualTo(200);
        return response.body();
    }

    @Test
    void itsTenantReachesItWhileItRunsAndNobodyElseDoes() throws Exception {
        server.exec("a", "mkdir -p site && echo a-page >site/page");
        try (InputStream command = running("a", "cd site && exec python3 -m http.server 8123 --bind 127.0.0.1")) {
            Until.holds(
                    "the server in the sandbox is there",
                    SOON,
                    () -> server.get("a", "/v1/ports/8123/page").body().equals("a-page\n"));
            assertThat(server.get("b", "/v1/ports/8123/page").statusCode()).isEqualTo(404);
            assertThat(server.get("a", "/v1/ports/8124/page").statusCode()).isEqualTo(404);
            assertThat(server.get("a", "/v1/ports/" + server.uri("/").getPort() + "/healthz")
                            .statusCode())
                    .as("the host's own ports are not the sandbox's")
                    .isEqualTo(404);
        }
        Until.holds(
                "it has ended",
                SOON,
                () -> server.get("a", "/v1/ports/8123/page").statusCode() == 404);
    }

    @Test
    void theCredentialDoesNotComeInsideAndWhatIsSaidDoes() throws Exception {
        String echo = "import http.server\n"
                + "class H(http.server.BaseHTTPRequestHandler):\n"
                + " def do_POST(self):\n"
                + "  said = self.rfile.read(int(self.headers['Content-Length']))\n"
                + "  self.send_response(201); self.end_headers()\n"
                + "  self.wfile.write(self.requestline.encode() + b'\\n' + str(self.headers).encode() + said)\n"
                + "http.server.HTTPServer(('127.0.0.1', 8200), H).serve_forever()";
        server.exec("the-token-of-c", "cat >echo.py <<'E'\n" + echo + "\nE");
        try (InputStream command = running("the-token-of-c", "exec python3 echo.py")) {
            Until.holds(
                    "it is there",
                    SOON,
                    () -> server.send("POST", "the-token-of-c", "/v1/ports/8200/x", "{}")
                                    .statusCode()
                            == 201);
            HttpResponse<String> answer =
                    server.send("POST", "the-token-of-c", "/v1/ports/8200/deep/er?q=1", "{\"said\":1}");
            assertThat(answer.body())
                    .startsWith("POST /deep/er?q=1 HTTP/1.1")
                    .endsWith("{\"said\":1}")
                    .contains("/v1/ports/8200")
                    .doesNotContain("the-token-of-c");
        }
    }

    @Test
    void portsAreClosedUntilTheOperatorOpensThem() throws Exception {
        HttpResponse<String> answer = closed.get("a", "/v1/ports/8123/");
        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(answer.body()).contains("ports.open");
    }

    @Test
    void aModeWithoutANetworkOfItsOwnRefusesToStart() {
        assertThatThrownBy(() -> TestServer.start(Map.of("ports.open", "true", "isolation.mode", "directories")))
                .hasMessageContaining("network of its own");
    }
}
