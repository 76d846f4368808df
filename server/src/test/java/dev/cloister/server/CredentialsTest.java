package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.tenant.TenantId;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CredentialsTest {
    private static final TenantId A = new TenantId("a".repeat(32));

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = new TestServer();
    }

    @AfterEach
    void stop() {
        server.stop();
    }

    private HttpResponse<String> put(String host, String body) throws Exception {
        return server.send(server.request("/v1/credentials/" + host)
                .header("content-type", "application/json")
                .PUT(BodyPublishers.ofString(body)));
    }

    @Test
    void whatIsKeptIsListedWithoutItsValueAndCanBeTakenAway() throws Exception {
        assertThat(put("git.example:8443", "{\"authorization\":\"Bearer the-value\"}")
                        .statusCode())
                .isEqualTo(204);
        assertThat(server.credentials.kept.get(A)).containsEntry("git.example:8443", "Bearer the-value");

        HttpResponse<String> list = server.get("/v1/credentials");
        assertThat(list.statusCode()).isEqualTo(200);
        assertThat(list.body()).isEqualTo("{\"data\":[{\"host\":\"git.example:8443\",\"created_at\":7}]}");

        assertThat(server.send(server.request("/v1/credentials/git.example:8443")
                                .DELETE())
                        .statusCode())
                .isEqualTo(204);
        assertThat(server.send(server.request("/v1/credentials/git.example:8443")
                                .DELETE())
                        .statusCode())
                .isEqualTo(404);
    }

    @Test
    void aBodyWithoutAValueOrWithMoreIsRefused() throws Exception {
        assertThat(put("git.example", "{}").body()).contains("authorization is missing");
        assertThat(put("git.example", "{\"authorization\":7}").statusCode()).isEqualTo(400);
        assertThat(put("git.example", "{\"authorization\":\"x\",\"password\":\"y\"}")
                        .body())
                .contains("password");
        assertThat(put("git.example", "{\"authorization\":\"" + "x".repeat(8001) + "\"}")
                        .statusCode())
                .isEqualTo(400);
        assertThat(server.credentials.kept.getOrDefault(A, new TreeMap<>())).isEmpty();
    }
}
