package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.cloister.core.tenant.PresentedCredential;
import dev.cloister.core.tenant.PresentedCredential.Header;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class OperationsTest {
    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private HttpResponse<String> anonymous(String path, String... headers) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(server.uri(path));
        return server.send(headers.length == 0 ? request : request.headers(headers));
    }

    @Test
    void saysWhetherItIsReady() throws Exception {
        assertThat(anonymous("/healthz").body()).isEqualTo("{\"status\":\"ok\"}");
        assertThat(anonymous("/readyz").body()).isEqualTo("{\"status\":\"ready\"}");
        server.notReady = List.of("the agent is not installed", "the store is locked");
        HttpResponse<String> answer = anonymous("/readyz");
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.body()).contains("the agent is not installed; the store is locked");
        assertThat(anonymous("/healthz").statusCode()).isEqualTo(200);
    }

    @Test
    void answersHeadLikeGetWithoutABody() throws Exception {
        HttpResponse<String> head = server.send(
                HttpRequest.newBuilder(server.uri("/healthz")).method("HEAD", HttpRequest.BodyPublishers.noBody()));
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.headers().firstValue("content-length")).contains("15");
        HttpResponse<String> secret = server.send(
                HttpRequest.newBuilder(server.uri("/v1/usage")).method("HEAD", HttpRequest.BodyPublishers.noBody()));
        assertThat(secret.statusCode()).isEqualTo(401);
    }

    @Test
    void showsMetricsToThisMachineOnly() throws Exception {
        assertThat(anonymous("/metrics").body()).contains("isolation_violations_total");
        assertThat(anonymous("/metrics", "X-Forwarded-For", "10.0.0.1").statusCode())
                .isEqualTo(403);
    }

    @Test
    void showsGuarantees() throws Exception {
        Map<String, Object> body =
                TestServer.object(server.get("/v1/guarantees").body());
        assertThat(body).containsEntry("mode", "directories").containsEntry("weak", false);
        assertThat(String.valueOf(body.get("guarantees")))
                .contains("name=CREDENTIAL_NEVER_INSIDE")
                .contains("holds=true")
                .contains("holds=false");
        assertThat(body.get("findings")).hasToString("[{what=what, why=why, remedy=remedy}]");
    }

    @Test
    void addsUsageUp() throws Exception {
        String body = server.get("/v1/usage?from=10&to=50").body();
        assertThat(body)
                .contains("{\"calls\":1,\"input_tokens\":10,\"output_tokens\":20,\"cache_creation_input_tokens\":30,"
                        + "\"cache_read_input_tokens\":40,\"cost_usd\":1.500000,\"model\":\"m1\"}")
                .contains("\"total\":{\"calls\":3,\"input_tokens\":11,\"output_tokens\":22,"
                        + "\"cache_creation_input_tokens\":80,\"cache_read_input_tokens\":44,\"cost_usd\":2.000000}")
                .contains("\"sandbox\":{\"cpu_ms\":1234,\"throttled_ms\":56,\"memory_peak_bytes\":1048576,"
                        + "\"oom_kills\":2,\"pids_refused\":3}");
    }

    @Test
    void readsTheCredentialFromEitherHeader() throws Exception {
        assertThat(anonymous("/v1/usage", "authorization", "bearer a").statusCode())
                .isEqualTo(200);
        assertThat(anonymous("/v1/usage", "x-api-key", "b").statusCode()).isEqualTo(200);
        assertThat(anonymous("/v1/usage", "x-api-key", "b", "authorization", "Bearer b")
                        .statusCode())
                .isEqualTo(200);
        assertThat(server.presented)
                .containsExactly(
                        new PresentedCredential(Header.AUTHORIZATION_BEARER, "a"),
                        new PresentedCredential(Header.X_API_KEY, "b"),
                        new PresentedCredential(Header.AUTHORIZATION_BEARER, "b"));
    }

    @Test
    void refusesWhoDoesNotSayWhoItIs() throws Exception {
        for (String[] headers : new String[][] {
            {},
            {"authorization", "Basic YTph"},
            {"authorization", "Bearer "},
            {"x-api-key", ""},
            {"x-api-key", "with space"},
            {"x-api-key", "x".repeat(9000)},
            {"x-api-key", "unknown"}
        }) {
            for (String path : List.of("/v1/usage", "/v1/guarantees", "/v1/sessions", "/v1/files/x")) {
                HttpResponse<String> answer = anonymous(path, headers);
                assertThat(answer.statusCode()).as(path).isEqualTo(401);
                assertThat(answer.body()).contains("authentication_error");
                assertThat(answer.headers().firstValue("www-authenticate")).contains("Bearer");
            }
        }
    }

    @Test
    void logsOneLineWithoutAnythingPrivate() throws Exception {
        Logger root = (Logger) LoggerFactory.getLogger("dev.cloister");
        ListAppender<ILoggingEvent> lines = new ListAppender<>() {
            @Override
            protected void append(ILoggingEvent event) {
                // Now, on the thread that logs: later the event would take the context of whoever looks first.
                event.prepareForDeferredProcessing();
                super.append(event);
            }
        };
        lines.start();
        root.setLevel(Level.INFO);
        root.addAppender(lines);
        try {
            String id = server.get("/v1/files/secret-name?format=secret-value")
                    .headers()
                    .firstValue("request-id")
                    .orElse("");
            Await.until(() -> !lines.list.isEmpty());
            ILoggingEvent line = lines.list.getFirst();
            assertThat(line.getFormattedMessage())
                    .matches("GET /v1/files/\\{path} 400 \\d+ ms tenant " + "a".repeat(32));
            assertThat(line.getMDCPropertyMap()).containsEntry("request_id", id);
            assertThat(lines.list).hasSize(1);
        } finally {
            root.detachAppender(lines);
            root.setLevel(null);
        }
    }
}
