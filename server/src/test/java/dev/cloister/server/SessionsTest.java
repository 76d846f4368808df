package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.session.SessionEvent;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SessionsTest {
    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private String create(String body) throws Exception {
        HttpResponse<String> created = server.post("/v1/sessions", body);
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        return String.valueOf(TestServer.object(created.body()).get("id"));
    }

    @Test
    void createsShowsForksAndDeletes() throws Exception {
        String id = create("{\"title\":\"t\",\"model\":\"m\",\"system\":\"s\"}");
        assertThat(TestServer.object(server.get("/v1/sessions/" + id).body()))
                .containsEntry("id", id)
                .containsEntry("type", "session")
                .containsEntry("title", "t")
                .containsEntry("model", "m")
                .containsEntry("system", "s")
                .containsEntry("forked_from", null)
                .containsEntry("created_at", 5);
        HttpResponse<String> fork = server.post("/v1/sessions/" + id + "/fork", "");
        assertThat(fork.statusCode()).isEqualTo(201);
        assertThat(TestServer.object(fork.body())).containsEntry("forked_from", id);
        assertThat(server.send(server.request("/v1/sessions/" + id).DELETE()).statusCode())
                .isEqualTo(204);
        assertThat(server.get("/v1/sessions/" + id).statusCode()).isEqualTo(404);
    }

    @Test
    void needsNoBodyToCreate() throws Exception {
        assertThat(create("")).isNotEmpty();
    }

    @Test
    void pages() throws Exception {
        List<String> made = List.of(create("{}"), create("{}"), create("{}"));
        Map<String, Object> first =
                TestServer.object(server.get("/v1/sessions?limit=2").body());
        assertThat(first).containsEntry("has_more", true);
        assertThat((List<?>) first.get("data")).hasSize(2);
        Map<String, Object> second = TestServer.object(
                server.get("/v1/sessions?limit=2&after=" + made.get(1)).body());
        assertThat(second).containsEntry("has_more", false);
        assertThat(second.get("data")).asString().contains(made.getFirst());
    }

    @Test
    void hidesTheSessionsOfOthers() throws Exception {
        String id = create("{}");
        for (String path : List.of("", "/events")) {
            HttpRequest.Builder asB = HttpRequest.newBuilder(server.uri("/v1/sessions/" + id + path))
                    .header("x-api-key", "b");
            assertThat(server.send(asB).statusCode()).isEqualTo(404);
        }
        HttpRequest.Builder list =
                HttpRequest.newBuilder(server.uri("/v1/sessions")).header("x-api-key", "b");
        assertThat(server.send(list).body()).isEqualTo("{\"data\":[],\"has_more\":false}");
    }

    @Test
    void interrupts() throws Exception {
        String id = create("{}");
        assertThat(server.post("/v1/sessions/" + id + "/interrupt", "").body()).isEqualTo("{\"interrupted\":false}");
        server.turns.hold = true;
        assertThat(server.post("/v1/sessions/" + id + "/interrupt", "").body()).isEqualTo("{\"interrupted\":true}");
    }

    @Test
    void replaysWhatIsStored() throws Exception {
        String events = "/v1/sessions/" + create("{}") + "/events";
        HttpResponse<String> all = server.get(events + "?follow=false");
        assertThat(all.headers().firstValue("content-type").orElse("")).startsWith("text/event-stream");
        assertThat(all.body()).contains("id: 1\n", "id: 2\n", "id: 3\nevent: agent.tool_call\ndata: {\"n\":3}\n\n");
        assertThat(server.get(events + "?follow=false&after=2").body())
                .contains("id: 3\n")
                .doesNotContain("id: 2\n");
        HttpRequest.Builder again =
                server.request(events + "?follow=false&after=0").header("Last-Event-ID", "3");
        assertThat(server.send(again).body()).doesNotContain("id:");
        assertThat(server.sessions.feeds).allMatch(feed -> feed.closed);
    }

    @Test
    void followsUntilTheClientGoesAway() throws Exception {
        String id = create("{}");
        try (RawClient client = server.raw()) {
            client.request("GET", "/v1/sessions/" + id + "/events", "last-event-id: 2\r\n", "");
            client.until("id: 3\n");
            client.until(": keep-alive\n\n");
            FakeSessions.Feed feed = server.sessions.feeds.getFirst();
            feed.events.add(new SessionEvent(server.sessions.all.getFirst().id(), 4, "message_stop", "{}", 0));
            client.until("id: 4\nevent: message_stop\n");
        }
        Await.until(() -> server.sessions.feeds.getFirst().closed);
    }
}
