package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A fork has a copy of its parent's conversation from the moment it is made, and needs the parent no more. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ForkTest {
    private TestServer server;

    @BeforeAll
    void start() throws Exception {
        server = TestServer.start(Map.of());
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
    }

    private String fork(String parent) throws Exception {
        HttpResponse<String> answer = server.send("POST", "a", "/v1/sessions/" + parent + "/fork", "");
        assertThat(answer.statusCode()).isEqualTo(201);
        return TestServer.JSON.readTree(answer.body()).path("id").asString();
    }

    @Test
    void aForkOutlivesItsParent() throws Exception {
        String parent = TestServer.session(server.say("a", "first"));
        String begun = fork(parent);
        String unbegun = fork(parent);
        assertThat(TestServer.text(server.say("a", begun, "second"))).isEqualTo("second");

        assertThat(server.send("DELETE", "a", "/v1/sessions/" + parent, "").statusCode())
                .isEqualTo(204);

        assertThat(TestServer.text(server.say("a", begun, "third"))).isEqualTo("third");
        assertThat(TestServer.text(server.say("a", unbegun, "second"))).isEqualTo("second");
    }
}
