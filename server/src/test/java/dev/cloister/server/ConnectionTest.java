package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Clients that go away, are slow, silent, or send too much. */
class ConnectionTest {
    private static final String HELLO = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    private static final String STREAM = HELLO.replace("{\"model\"", "{\"stream\":true,\"model\"");
    private static final String CHUNKED = """
            POST /v1/messages HTTP/1.1\r
            host: x\r
            x-api-key: a\r
            transfer-encoding: chunked\r
            \r
            """;
    private static final Duration SHORT = Duration.ofMillis(700);
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void aClientThatGoesAwayCancelsItsTurn() throws Exception {
        try (TestServer server = new TestServer()) {
            server.turns.hold = true;
            for (String body : new String[] {HELLO, STREAM}) {
                RawClient client = server.raw().request("POST", "/v1/messages", "", body);
                FakeTurns.FakeTurn turn = server.turns.next();
                client.close();
                assertThat(turn.cancelled.poll(20, TimeUnit.SECONDS)).isEqualTo("client disconnected");
            }
        }
    }

    @Test
    void aClientThatGoesAwayMidStreamCancelsItsTurnWithoutAHeartbeat() throws Exception {
        try (TestServer server = new TestServer(LONG, LONG, Duration.ofMinutes(10))) {
            server.turns.hold = true;
            RawClient client = server.raw().request("POST", "/v1/messages", "", STREAM);
            FakeTurns.FakeTurn turn = server.turns.next();
            turn.event("message_start", "{}");
            client.until("message_start");
            client.close();
            assertThat(turn.cancelled.poll(20, TimeUnit.SECONDS)).isEqualTo("client disconnected");
        }
    }

    @Test
    void aClientThatGoesAwayEndsItsCommand() throws Exception {
        try (TestServer server = new TestServer()) {
            server.execs.silent = true;
            RawClient client = server.raw().request("POST", "/v1/exec", "", "{\"command\":[\"sleep\"]}");
            Await.until(() -> server.execs.open.get() == 1);
            client.close();
            Await.until(() -> server.execs.open.get() == 0);
        }
    }

    @Test
    void aPipelinedRequestIsAnsweredAfterTheOneBefore() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            server.turns.hold = true;
            client.request("POST", "/v1/messages", "", HELLO);
            FakeTurns.FakeTurn turn = server.turns.next();
            client.request("GET", "/v1/sessions", "", "");
            // Long enough for the server to look after its client, and read ahead, several times.
            assertThat(turn.cancelled.poll(1, TimeUnit.SECONDS)).isNull();
            turn.complete();
            assertThat(client.answer().body()).contains("\"message\"");
            assertThat(client.answer().body()).contains("has_more");
            server.turns.hold = false;
            assertThat(client.request("POST", "/v1/messages", "", HELLO)
                            .answer()
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void aSilentAnswerOutlivesTheIdleTimeout() throws Exception {
        try (TestServer server = new TestServer(LONG, SHORT, Duration.ofMinutes(10));
                RawClient client = server.raw()) {
            server.turns.hold = true;
            client.request("POST", "/v1/messages", "", HELLO);
            FakeTurns.FakeTurn turn = server.turns.next();
            assertThat(turn.cancelled.poll(4 * SHORT.toMillis(), TimeUnit.MILLISECONDS))
                    .isNull();
            turn.complete();
            assertThat(client.answer().status()).isEqualTo(200);
            // Without a request the connection is idle, and ends.
            assertThat(client.ended()).isTrue();
        }
    }

    @Test
    void aHeadThatDripsIsCutOff() throws Exception {
        try (TestServer server = new TestServer(SHORT, LONG, LONG);
                RawClient client = server.raw()) {
            assertThat(drip(client, "GET /healthz HTTP/1.1\r\nhost: x\r\n" + "x: y\r\n".repeat(200)))
                    .isTrue();
            assertThat(server.get("/healthz").statusCode()).isEqualTo(200);
        }
    }

    /** Sends a few bytes at a time; true if the connection ended before all was sent. */
    private static boolean drip(RawClient client, String text) throws InterruptedException {
        try {
            for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
                client.send(new byte[] {b});
                Thread.sleep(20);
            }
            return false;
        } catch (IOException _) {
            return true;
        }
    }

    @Test
    void aBodyThatStopsGetsATimeout() throws Exception {
        try (TestServer server = new TestServer(SHORT, LONG, LONG);
                RawClient client = server.raw()) {
            client.send(
                    "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: 100\r\n\r\n{\"model\":");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).as(answer.body()).isEqualTo(408);
            assertThat(answer.body()).contains("timeout_error").contains("in time");
            assertThat(client.ended()).isTrue();
        }
    }

    /** Several times, because the time runs out at another place of a chunk each time. */
    @RepeatedTest(8)
    void aBodyThatDripsGetsATimeout() throws Exception {
        try (TestServer server = new TestServer(SHORT, LONG, LONG);
                RawClient client = server.raw()) {
            client.send(CHUNKED);
            Thread dripper = Thread.ofVirtual().start(() -> {
                try {
                    boolean _ = drip(client, "1\r\n{\r\n".repeat(100));
                } catch (InterruptedException _) {
                    Thread.currentThread().interrupt();
                }
            });
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).as(answer.body()).isEqualTo(408);
            dripper.interrupt();
            dripper.join();
        }
    }

    @Test
    void aFileCutOffBetweenTwoChunksIsNotTakenForWhole() throws Exception {
        try (TestServer server = new TestServer(LONG, LONG, LONG)) {
            try (RawClient client = server.raw()) {
                client.send("PUT /v1/files/half HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\n"
                        + "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
            }
            try (RawClient client = server.raw()) {
                client.send("PUT /v1/files/after HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: 1\r\n\r\nx");
                assertThat(client.answer().status()).isEqualTo(201);
            }
            Thread.sleep(SHORT.toMillis());
            assertThat(server.workspaces.files).containsOnlyKeys("after");
        }
    }

    @Test
    void aFileMayTakeLongerAtAFairRate() throws Exception {
        try (TestServer server = new TestServer(SHORT, LONG, LONG);
                RawClient client = server.raw()) {
            int pieces = 20;
            client.send("PUT /v1/files/slow HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: " + pieces * 1000
                    + "\r\n\r\n");
            for (int i = 0; i < pieces; i++) {
                client.send(new byte[1000]);
                Thread.sleep(SHORT.toMillis() / 5);
            }
            assertThat(client.answer().status()).isEqualTo(201);
            assertThat(server.workspaces.files.get("slow")).hasSize(pieces * 1000);
        }
    }

    @Test
    void aFileThatStopsGetsATimeout() throws Exception {
        try (TestServer server = new TestServer(SHORT, LONG, LONG);
                RawClient client = server.raw()) {
            client.send("PUT /v1/files/stuck HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: 9000\r\n\r\nxx");
            assertThat(client.answer().status()).isEqualTo(408);
            assertThat(server.workspaces.files).doesNotContainKey("stuck");
        }
    }

    @Test
    void aBodyOverTheLimitIsReadToItsEndSoThatTheAnswerArrives() throws Exception {
        try (TestServer server = new TestServer()) {
            int length = 3 * TestServer.MAX_BODY;
            try (RawClient client = server.raw()) {
                client.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: " + length
                        + "\r\n\r\n");
                client.send(new byte[length]);
                assertThat(client.answer().status()).isEqualTo(413);
                assertThat(client.request("GET", "/v1/sessions", "", "")
                                .answer()
                                .status())
                        .isEqualTo(200);
            }
            try (RawClient client = server.raw()) {
                client.send(CHUNKED);
                byte[] chunk = ("10000\r\n" + " ".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.UTF_8);
                for (int sent = 0; sent < length; sent += 0x10000) {
                    client.send(chunk);
                }
                client.send("0\r\n\r\n");
                assertThat(client.answer().status()).isEqualTo(413);
            }
            assertThat(server.turns.started).isEmpty();
        }
    }

    @Test
    void aBodyOverTheLimitIsNotAskedFor() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\nexpect: 100-continue\r\n"
                    + "content-length: 999999999\r\n\r\n");
            assertThat(client.until("\r\n\r\n")).startsWith("HTTP/1.1 413");
        }
    }

    @Test
    void aBodyWithinTheLimitIsAskedFor() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\nexpect: 100-continue\r\n"
                    + "content-length: " + HELLO.length() + "\r\n\r\n");
            assertThat(client.until("\r\n\r\n")).startsWith("HTTP/1.1 100");
            assertThat(client.send(HELLO).answer().status()).isEqualTo(200);
        }
    }

    @Test
    void aBodyThatEndsEarlyStartsNothing() throws Exception {
        try (TestServer server = new TestServer()) {
            RawClient client = server.raw();
            client.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\ncontent-length: 100\r\n\r\n{");
            client.close();
            assertThat(server.get("/healthz").statusCode()).isEqualTo(200);
            assertThat(server.turns.started).isEmpty();
        }
    }

    @Test
    void aBodyOfBrokenChunksIsRefused() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send(CHUNKED + "zz\r\n{}\r\n");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.body()).startsWith("{\"type\":\"error\"");
        }
    }

    @Test
    void aLongPipelinedRequestArrivesWhole() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            server.turns.hold = true;
            client.request("POST", "/v1/messages", "", HELLO);
            FakeTurns.FakeTurn turn = server.turns.next();
            String content = "0123456789".repeat(10_000);
            client.request("PUT", "/v1/files/long", "", content);
            assertThat(turn.cancelled.poll(2, TimeUnit.SECONDS)).isNull();
            turn.complete();
            assertThat(client.answer().status()).isEqualTo(200);
            assertThat(client.answer().status()).isEqualTo(201);
            assertThat(server.workspaces.files.get("long")).isEqualTo(content.getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void anAnswerThatCannotBeCompletedIsCutOff() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            server.workspaces.breakTarAfter = 100_000;
            client.request("GET", "/v1/files?format=tar", "", "");
            assertThat(client.answer().status()).isEqualTo(200);
            assertThat(client.rest()).doesNotEndWith("\r\n0\r\n\r\n");
        }
    }

    @Test
    void speaksHttp10() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send("GET /healthz HTTP/1.0\r\n\r\n");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.headers()).containsEntry("x-content-type-options", "nosniff");
            assertThat(client.ended()).isTrue();
        }
    }

    @Test
    void rubbishGetsAnErrorInShape() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send("\u0016\u0003\u0001 hello\r\n\r\n");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.body()).startsWith("{\"type\":\"error\"").contains("request_id");
        }
    }

    @Test
    void aLongAddressGetsAnErrorInShape() throws Exception {
        try (TestServer server = new TestServer();
                RawClient client = server.raw()) {
            client.send("GET /" + "x".repeat(40_000) + " HTTP/1.1\r\nhost: x\r\n\r\n");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(414);
            assertThat(answer.body()).startsWith("{\"type\":\"error\"");
        }
    }
}
