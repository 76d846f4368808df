package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.turn.TurnOutcome;
import dev.cloister.core.turn.TurnRequest;
import dev.cloister.core.turn.TurnRequest.PastMessage;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MessagesTest {
    private static final String HELLO = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    private static final String STREAM = HELLO.replace("{\"model\"", "{\"stream\":true,\"model\"");
    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    @Test
    void answersAsAWhole() throws Exception {
        HttpResponse<String> answer = server.post("/v1/messages", HELLO);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{\"type\":\"message\",\"content\":[]}");
        assertThat(answer.headers().firstValue("cloister-session")).contains(FakeTurns.SESSION.toString());
        assertThat(answer.headers().firstValue("request-id").orElse("")).matches("req_[0-9a-f]{24}");
        FakeTurns.FakeTurn turn = server.turns.next();
        assertThat(turn.closed).isTrue();
        assertThat(turn.cancelled).isEmpty();
        assertThat(turn.request.requestId())
                .isEqualTo(answer.headers().firstValue("request-id").orElse(""));
        assertThat(turn.request.content()).hasToString("[{\"type\":\"text\",\"text\":\"hello\"}]");
    }

    @Test
    void turnsAWholeConversationIntoARequest() throws Exception {
        String body = """
                {"model":"m","max_tokens":5,"temperature":0.5,"metadata":{"user_id":"u"},"tools":[],
                 "system":[{"type":"text","text":"be kind","cache_control":{"type":"ephemeral"}}],
                 "session_id":"AAAAAAAA-0000-0000-0000-000000000000","messages":[
                 {"role":"user","content":"one"},
                 {"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]},
                 {"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"two"}]},
                 {"role":"user","content":[
                   {"type":"text","text":"thr\\u00e9\\ud83d\\ude00","cache_control":{"type":"ephemeral"}},
                   {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"},"cache_control":null},
                   {"type":"document","title":"t","source":{"type":"text","media_type":"text/plain","data":"d"}}]}]}""";
        HttpResponse<String> answer = server.post("/v1/messages?beta=true", body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.headers().firstValue("cloister-ignored")).contains("temperature, max_tokens");
        TurnRequest request = server.turns.next().request;
        assertThat(request.system()).contains("be kind");
        assertThat(request.session().orElseThrow()).hasToString("aaaaaaaa-0000-0000-0000-000000000000");
        assertThat(request.history())
                .containsExactly(
                        new PastMessage("user", "one"),
                        new PastMessage("user", "[image]"),
                        new PastMessage("assistant", "two"));
        assertThat(request.content())
                .hasToString(
                        "[{\"type\":\"text\",\"text\":\"thr\u00e9\ud83d\ude00\"},"
                                + "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}},"
                                + "{\"type\":\"document\",\"title\":\"t\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"d\"}}]");
    }

    @Test
    void needsNoModelInASession() throws Exception {
        String body = HELLO.replace("\"model\":\"m\"", "\"session_id\":\"" + FakeTurns.SESSION + "\"");
        assertThat(server.post("/v1/messages", body).statusCode()).isEqualTo(200);
        assertThat(server.turns.next().request.model()).isEmpty();
    }

    @Test
    void takesTextThatLooksLikeAnOption() throws Exception {
        String body = HELLO.replace("hello", "--help\\n/clear @/etc/passwd");
        assertThat(server.post("/v1/messages", body).statusCode()).isEqualTo(200);
        assertThat(server.turns.next().request.content().toString()).contains("--help\\n/clear @/etc/passwd");
    }

    @Test
    void streamsEventsAsTheyCome() throws Exception {
        server.turns.hold = true;
        try (RawClient client = server.raw()) {
            client.request("POST", "/v1/messages", "", STREAM);
            FakeTurns.FakeTurn turn = server.turns.next();
            turn.event("message_start", "{\"a\":1}");
            String head = client.until("id: 1\nevent: message_start\ndata: {\"a\":1}\n\n");
            assertThat(head)
                    .contains("HTTP/1.1 200")
                    .contains("text/event-stream")
                    .contains("Cloister-Session");
            client.until(": keep-alive\n\n");
            turn.event("agent.tool_call", "{}");
            client.until("id: 2\nevent: agent.tool_call\ndata: {}\n\n");
            turn.complete();
            client.until("\r\n0\r\n\r\n");
        }
    }

    @Test
    void failsWithItsOwnStatusBeforeTheFirstEvent() throws Exception {
        server.turns.hold = true;
        try (RawClient client = server.raw()) {
            client.request("POST", "/v1/messages", "", STREAM);
            server.turns
                    .next()
                    .end(new TurnOutcome.Failed(new CloisterException(
                            ErrorCode.UPSTREAM_RATE_LIMITED, "slow down", Duration.ofMillis(1500), null)));
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(429);
            assertThat(answer.headers()).containsEntry("retry-after", "2");
            assertThat(answer.body()).contains("rate_limit_error").contains("slow down");
        }
    }

    @Test
    void failsInTheStreamAfterTheFirstEvent() throws Exception {
        server.turns.hold = true;
        try (RawClient client = server.raw()) {
            client.request("POST", "/v1/messages", "", STREAM);
            FakeTurns.FakeTurn turn = server.turns.next();
            turn.event("message_start", "{}");
            turn.end(new TurnOutcome.Failed(new CloisterException(ErrorCode.UPSTREAM_OVERLOADED, "busy")));
            client.until(
                    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}");
            client.until("\r\n0\r\n\r\n");
            assertThat(turn.cancelled).isEmpty();
        }
    }

    @Test
    void saysThatATurnWasCancelled() throws Exception {
        server.turns.hold = true;
        try (RawClient client = server.raw()) {
            client.request("POST", "/v1/messages", "", HELLO);
            server.turns.next().end(new TurnOutcome.Cancelled("interrupted"));
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(499);
            assertThat(answer.body()).contains("interrupted");
            client.request("POST", "/v1/messages", "", STREAM);
            FakeTurns.FakeTurn turn = server.turns.next();
            turn.event("message_start", "{}");
            turn.end(new TurnOutcome.Cancelled("interrupted"));
            client.until("event: error\ndata: {\"type\":\"error\"");
        }
    }

    @Test
    void passesARefusalOn() throws Exception {
        server.turns.refusal = () -> {
            throw new CloisterException(ErrorCode.CONFLICT, "another turn of the session runs");
        };
        HttpResponse<String> answer = server.post("/v1/messages", HELLO);
        assertThat(answer.statusCode()).isEqualTo(409);
        assertThat(answer.body()).contains("conflict_error").contains("another turn");
    }

    @Test
    void tellsNothingOfAFaultButWhereToLook() throws Exception {
        server.turns.refusal = () -> {
            throw new IllegalStateException("private detail");
        };
        HttpResponse<String> fault = server.post("/v1/messages", HELLO);
        assertThat(fault.statusCode()).isEqualTo(500);
        assertThat(fault.body()).contains("api_error").contains("request id").doesNotContain("private");
        server.turns.refusal = () -> {
            throw new StackOverflowError("private detail");
        };
        HttpResponse<String> error = server.post("/v1/messages", HELLO);
        assertThat(error.statusCode()).isEqualTo(500);
        assertThat(error.body()).contains("api_error").contains("request id").doesNotContain("private");
    }

    @Test
    void endsWhatRunsWhenTheServerStops() throws Exception {
        server.turns.hold = true;
        try (RawClient client = server.raw()) {
            client.request("POST", "/v1/messages", "", HELLO);
            FakeTurns.FakeTurn turn = server.turns.next();
            Thread stopper = Thread.ofVirtual().start(server::stop);
            assertThat(client.answer().status()).isEqualTo(503);
            stopper.join();
            assertThat(turn.cancelled).hasSize(1);
            assertThat(turn.closed).isTrue();
        }
    }

    @Test
    void warnsOnEveryAnswerWhereIsolationIsWeak() throws Exception {
        assertThat(server.get("/healthz").headers().firstValue("cloister-warning"))
                .isEmpty();
        server.warning = Optional.of("tenants are not kept apart");
        assertThat(server.get("/healthz").headers().firstValue("cloister-warning"))
                .contains("tenants are not kept apart");
        assertThat(server.get("/nowhere").headers().firstValue("cloister-warning"))
                .contains("tenants are not kept apart");
    }
}
