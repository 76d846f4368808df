package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What is kept of a session: its events for clients that come back, its conversation over restarts, forks and its end. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EventsReplayTest {
    private static final String TOKEN = "events-replay";

    private RecordingUpstream upstream;
    private TestServer server;

    private record Event(long id, String type, String data) {}

    @BeforeAll
    void start() throws Exception {
        upstream = RecordingUpstream.start();
        server = TestServer.start(Map.of("upstream.url", upstream.url()));
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
        upstream.close();
    }

    private static String slowly(int chunks) {
        ObjectNode step = TestServer.JSON.createObjectNode();
        step.put("text", "a word ".repeat(chunks)).put("chunks", chunks).put("chunk_delay_ms", 20);
        return TestServer.script(TestServer.bash("echo begun"), step);
    }

    private HttpResponse<InputStream> stream(String prompt) throws IOException, InterruptedException {
        ObjectNode body = TestServer.message(prompt).put("stream", true);
        HttpRequest request = server.request(TOKEN, "/v1/messages")
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
        return server.http().send(request, BodyHandlers.ofInputStream());
    }

    /** The first events of a stream, or all that come before its end. */
    private static List<Event> events(InputStream in, int most) throws IOException {
        List<Event> events = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            long id = 0;
            String type = "";
            for (String line = lines.readLine(); line != null && events.size() < most; line = lines.readLine()) {
                if (line.startsWith("id: ")) {
                    id = Long.parseLong(line.substring(4));
                } else if (line.startsWith("event: ")) {
                    type = line.substring(7);
                } else if (line.startsWith("data: ")) {
                    events.add(new Event(id, type, line.substring(6)));
                }
            }
        }
        return events;
    }

    private List<Event> replay(String session, long after) throws IOException, InterruptedException {
        HttpRequest request = server.request(TOKEN, "/v1/sessions/" + session + "/events?follow=false")
                .header("Last-Event-ID", Long.toString(after))
                .build();
        HttpResponse<InputStream> response = server.http().send(request, BodyHandlers.ofInputStream());
        assertThat(response.statusCode()).isEqualTo(200);
        return events(response.body(), Integer.MAX_VALUE);
    }

    @Test
    void aClientThatComesBackGetsExactlyWhatItMissed() throws Exception {
        HttpResponse<InputStream> response = stream(slowly(20));
        List<Event> streamed = events(response.body(), Integer.MAX_VALUE);
        String session = TestServer.session(response);

        assertThat(streamed).extracting(Event::type).contains("agent.tool_call", "agent.tool_result");
        assertThat(streamed.getLast().type()).isEqualTo("message_stop");
        assertThat(replay(session, 0)).isEqualTo(streamed);
        int cut = streamed.size() / 2;
        assertThat(replay(session, streamed.get(cut - 1).id())).isEqualTo(streamed.subList(cut, streamed.size()));
        assertThat(replay(session, streamed.getLast().id())).isEmpty();
    }

    @Test
    void aClientThatIsCutOffMidwayFindsWhatCameAfter() throws Exception {
        HttpResponse<InputStream> response = stream(slowly(400));
        List<Event> seen = events(response.body(), 6);
        String session = TestServer.session(response);

        List<Event> missed = replay(session, seen.getLast().id());
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (missed.stream().noneMatch(event -> event.type().equals("agent.turn_ended"))
                && System.nanoTime() < deadline) {
            Thread.sleep(100);
            missed = replay(session, seen.getLast().id());
        }
        assertThat(missed.getLast().type()).isEqualTo("agent.turn_ended");
        assertThat(missed.getLast().data()).contains("cancelled");
        List<Event> all = new ArrayList<>(seen);
        all.addAll(missed);
        assertThat(all).extracting(Event::id).containsExactlyElementsOf(numbers(all.size()));
        assertThat(replay(session, 0)).isEqualTo(all);
    }

    private static List<Long> numbers(int count) {
        return LongStream.rangeClosed(1, count).boxed().toList();
    }

    @Test
    void aSessionSurvivesARestart() throws Exception {
        HttpResponse<String> first = server.say(TOKEN, "remember the word heliotrope");
        String session = TestServer.session(first);
        List<Event> before = replay(session, 0);

        server.restart();

        assertThat(replay(session, 0)).isEqualTo(before);
        upstream.forget();
        assertThat(TestServer.text(server.say(TOKEN, session, "which word?"))).isEqualTo("which word?");
        assertThat(upstream.last().body())
                .contains("remember the word heliotrope")
                .contains("which word?");
        List<Event> after = replay(session, 0);
        assertThat(after.subList(0, before.size())).isEqualTo(before);
        assertThat(after).extracting(Event::id).containsExactlyElementsOf(numbers(after.size()));
    }

    @Test
    void aForkGoesOnByItself() throws Exception {
        String parent = TestServer.session(server.say(TOKEN, "common ground"));
        HttpResponse<String> forked = server.send("POST", TOKEN, "/v1/sessions/" + parent + "/fork", "{}");
        assertThat(forked.statusCode()).as(forked.body()).isEqualTo(201);
        String fork = TestServer.JSON.readTree(forked.body()).path("id").asString();
        assertThat(TestServer.text(server.say(TOKEN, parent, "only in the parent")))
                .isEqualTo("only in the parent");

        assertThat(TestServer.text(server.say(TOKEN, fork, "only in the fork"))).isEqualTo("only in the fork");
        assertThat(TestServer.text(server.say(TOKEN, parent, "parent again"))).isEqualTo("parent again");
        assertThat(upstream.last().body())
                .contains("common ground")
                .contains("only in the parent")
                .doesNotContain("only in the fork");
        assertThat(TestServer.text(server.say(TOKEN, fork, "fork again"))).isEqualTo("fork again");
        assertThat(upstream.last().body())
                .contains("common ground")
                .contains("only in the fork")
                .doesNotContain("only in the parent");
    }

    @Test
    void aForkOutlivesItsParent() throws Exception {
        String parent = TestServer.session(server.say(TOKEN, "before the fork"));
        HttpResponse<String> forked = server.send("POST", TOKEN, "/v1/sessions/" + parent + "/fork", "{}");
        String fork = TestServer.JSON.readTree(forked.body()).path("id").asString();
        assertThat(server.send("DELETE", TOKEN, "/v1/sessions/" + parent, "").statusCode())
                .isEqualTo(204);

        assertThat(TestServer.text(server.say(TOKEN, fork, "after the fork"))).isEqualTo("after the fork");
        assertThat(upstream.last().body()).contains("before the fork");
    }

    @Test
    void earlierMessagesAreContextForANewSession() throws Exception {
        ObjectNode body = TestServer.message("x");
        ArrayNode messages = body.putArray("messages");
        messages.addObject().put("role", "user").put("content", "my name is Ada");
        messages.addObject().put("role", "assistant").put("content", "good day, Ada");
        messages.addObject().put("role", "user").put("content", "what is my name?");
        HttpResponse<String> response = server.send("POST", TOKEN, "/v1/messages", body.toString());

        assertThat(TestServer.text(response)).isEqualTo("what is my name?");
        assertThat(upstream.last().body()).contains("user: my name is Ada").contains("assistant: good day, Ada");
        // A session that has its own past is not told another one.
        body.put("session_id", TestServer.session(response));
        ((ObjectNode) messages.get(0)).put("content", "my name is Grace");
        assertThat(TestServer.text(server.send("POST", TOKEN, "/v1/messages", body.toString())))
                .isEqualTo("what is my name?");
        assertThat(upstream.last().body()).contains("my name is Ada").doesNotContain("Grace");
    }

    @Test
    void nothingIsLeftOfADeletedSession() throws Exception {
        String kept = TestServer.session(server.say(TOKEN, "kept"));
        HttpResponse<String> response =
                server.say(TOKEN, TestServer.script(TestServer.bash("seq 1 20000"), TestServer.bash("echo marigold")));
        String session = TestServer.session(response);
        Needle id = new Needle(session);
        Path workspaces = server.workspaces();
        assertThat(id.below(workspaces)).isNotEmpty();

        assertThat(server.send("DELETE", TOKEN, "/v1/sessions/" + session, "").statusCode())
                .isEqualTo(204);

        assertThat(id.below(workspaces)).isEmpty();
        assertThat(new Needle("marigold").below(workspaces)).isEmpty();
        assertThat(server.get(TOKEN, "/v1/sessions/" + session).statusCode()).isEqualTo(404);
        assertThat(server.get(TOKEN, "/v1/sessions/" + session + "/events?follow=false")
                        .statusCode())
                .isEqualTo(404);
        assertThat(server.say(TOKEN, session, "are you there?").statusCode()).isEqualTo(404);
        assertThat(TestServer.text(server.say(TOKEN, kept, "and you?"))).isEqualTo("and you?");
    }
}
