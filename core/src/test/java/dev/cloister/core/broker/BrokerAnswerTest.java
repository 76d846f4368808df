package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.socket.UnixClient;
import dev.cloister.core.socket.UnixClient.Answer;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.usage.UsageRecord;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What of an upstream's answer gets into the sandbox, and what is metered of it. */
@Timeout(30)
class BrokerAnswerTest {
    private static final String SSE = "text/event-stream; charset=utf-8";
    private static final String START =
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":"
                    + "{\"input_tokens\":100,\"cache_creation_input_tokens\":40,\"cache_read_input_tokens\":200,"
                    + "\"output_tokens\":1}}}\n\n";
    private static final String DELTA =
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":"
                    + "{\"output_tokens\":10}}\n\n";
    /** 3 x (100 + 1.25 x 40 + 0.1 x 200) + 15 x 10. */
    private static final long COST = 660;

    private final FakeUpstream upstream = new FakeUpstream();
    private BrokerFixture fixture;
    private BrokerChannel channel;
    private Path socket;

    @BeforeEach
    void open() throws IOException {
        fixture = new BrokerFixture();
        socket = fixture.socket("s");
        channel = fixture.open(socket, upstream);
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
    }

    private Answer call() throws IOException {
        return UnixClient.call(socket, BrokerFixture.post());
    }

    @Test
    void passesOnlyListedHeaders() throws IOException {
        upstream.answers(
                200,
                Map.of(
                        "content-type", "application/json",
                        "request-id", "req_1",
                        "anthropic-ratelimit-requests-remaining", "7",
                        "anthropic-ratelimit-tokens-reset", "x" + BrokerFixture.SECRET,
                        "x-should-retry", "false",
                        "set-cookie", "a=b",
                        "location", "http://elsewhere",
                        "anthropic-organization-id", "org"),
                "{}");
        assertThat(call().headers())
                .containsEntry("content-type", "application/json")
                .containsEntry("request-id", "req_1")
                .containsEntry("anthropic-ratelimit-requests-remaining", "7")
                .containsEntry("x-should-retry", "false")
                .doesNotContainKeys(
                        "set-cookie",
                        "location",
                        "anthropic-organization-id",
                        "anthropic-ratelimit-tokens-reset",
                        "server");
    }

    @ParameterizedTest
    @CsvSource({
        "400,UPSTREAM_INVALID_REQUEST",
        "401,UPSTREAM_UNAUTHENTICATED",
        "403,UPSTREAM_FORBIDDEN",
        "404,UPSTREAM_NOT_FOUND",
        "413,UPSTREAM_INVALID_REQUEST",
        "429,UPSTREAM_RATE_LIMITED",
        "500,UPSTREAM_ERROR",
        "502,UPSTREAM_ERROR",
        "503,UPSTREAM_OVERLOADED",
        "529,UPSTREAM_OVERLOADED",
    })
    void passesErrorsAndRemembersTheLast(int status, ErrorCode code) throws IOException {
        String body = "{\"type\":\"error\",\"error\":{\"type\":\"t\",\"message\":\"" + "m".repeat(2000) + "\"}}";
        upstream.answers(status, Map.of("content-type", "application/json", "retry-after", "7"), body);
        Answer answer = call();
        assertThat(answer.status()).isEqualTo(status);
        assertThat(answer.body()).isEqualTo(body);
        assertThat(answer.headers()).containsEntry("retry-after", "7");
        CloisterException failure = channel.lastFailure().orElseThrow();
        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure).hasMessage("m".repeat(1000));
        assertThat(failure.retryAfter()).contains(Duration.ofSeconds(7));
        assertThat(fixture.usage).isEmpty();

        upstream.answers(200, Map.of(), "{}");
        call();
        assertThat(channel.lastFailure()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"error\":{\"message\":\"your key sk-real-0123456789abcdef is bad\"}}",
                "{\"error\":{\"message\":\"your key sk-real\\u002d0123456789abcdef is bad\"}}",
                "<html>x-api-key: sk-real-0123456789abcdef</html>",
            })
    void withholdsAnErrorThatHoldsTheSecret(String body) throws IOException {
        upstream.answers(401, Map.of("content-type", "application/json"), body);
        Answer answer = call();
        assertThat(answer.status()).isEqualTo(401);
        assertThat(answer.body()).contains("authentication_error").doesNotContain("0123456789abcdef");
        assertThat(channel.lastFailure().orElseThrow().getMessage()).doesNotContain("0123456789abcdef");
        assertThat(fixture.audited).singleElement().asString().contains("CREDENTIAL_NEVER_INSIDE");
    }

    @Test
    void withholdsAnErrorOfAnySize() throws IOException {
        upstream.answers(500, Map.of(), "x".repeat(100_000));
        assertThat(call().body()).contains("api_error").hasSizeLessThan(1000);
    }

    @Test
    void cutsAnAnswerThatHoldsTheSecret() throws Exception {
        FakeUpstream.Fed body = new FakeUpstream.Fed();
        upstream.answers(body, SSE);
        body.pieces.add("data: fine\n\n");
        body.pieces.add("data: sk-real-01234");
        body.pieces.add("56789abcdef\n\n");
        StringBuilder seen = new StringBuilder();
        try (UnixClient client = new UnixClient(socket)) {
            client.send(BrokerFixture.post());
            client.head();
            assertThatThrownBy(() -> {
                        while (true) {
                            seen.append(client.chunk());
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(seen.toString()).isEqualTo("data: fine\n\ndata: ");
        body.closed.await();
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.UPSTREAM_ERROR);
        assertThat(fixture.audited).hasSize(1);
    }

    @Test
    void answersARedirectAsAFailure() throws IOException {
        upstream.answers(307, Map.of("location", "http://elsewhere/"), "");
        Answer answer = call();
        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.body()).contains("api_error");
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.UPSTREAM_UNREACHABLE);
    }

    @Test
    void streamsEachPieceAsItArrives() throws Exception {
        FakeUpstream.Fed body = new FakeUpstream.Fed();
        upstream.answers(body, SSE);
        try (UnixClient client = new UnixClient(socket)) {
            client.send(BrokerFixture.post());
            assertThat(client.head().headers()).containsEntry("content-type", SSE);
            for (String piece : new String[] {START, "s", "x", DELTA}) {
                // The next piece does not exist before this one has been read.
                body.pieces.add(piece);
                if (piece.equals("s")) {
                    // It could be the secret's first letter.
                    continue;
                }
                assertThat(client.chunk()).isEqualTo(piece.equals("x") ? "sx" : piece);
            }
            body.pieces.add("");
            assertThat(client.chunk()).isEmpty();
        }
        assertThat(channel.used().costMicros()).isEqualTo(COST);
    }

    @Test
    void metersAStream() throws IOException, InterruptedException {
        upstream.answers(200, Map.of("content-type", SSE), START + DELTA);
        assertThat(call().body()).isEqualTo(START + DELTA);
        assertThat(fixture.usage)
                .containsExactly(new UsageRecord(
                        BrokerFixture.TENANT,
                        BrokerFixture.SESSION,
                        BrokerFixture.MODEL,
                        100,
                        10,
                        40,
                        200,
                        COST,
                        fixture.clock.millis()));
        call();
        assertThat(channel.used().calls()).isEqualTo(2);
        assertThat(channel.used().cacheReadTokens()).isEqualTo(400);
        assertThat(channel.used().costMicros()).isEqualTo(2 * COST);
        assertThat(fixture.registry
                        .get("tokens")
                        .tag("kind", "cache_write")
                        .counter()
                        .count())
                .isEqualTo(80);
        // Timed to the end of the answer, which the client may see a moment earlier.
        Eventually.holds(
                "both calls are timed",
                () -> fixture.registry
                                .get("broker_request_duration")
                                .tag("status", "200")
                                .timer()
                                .count()
                        == 2);
    }

    @Test
    void metersADocument() throws IOException {
        upstream.answers(
                200,
                Map.of("content-type", "application/json"),
                "{\"content\":[{\"usage\":{\"input_tokens\":9}}],\"usage\":{\"input_tokens\":5,\"output_tokens\":6,"
                        + "\"cache_creation\":{\"input_tokens\":99},\"service_tier\":\"standard\"},\"x\":{}}");
        call();
        assertThat(channel.used().inputTokens()).isEqualTo(5);
        assertThat(channel.used().outputTokens()).isEqualTo(6);
    }

    @Test
    void remembersAnErrorInTheMiddleOfAStream() throws IOException {
        String error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                + "\"message\":\"Overloaded\"}}\n\n";
        upstream.answers(200, Map.of("content-type", SSE), START + error);
        assertThat(call().body()).isEqualTo(START + error);
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.UPSTREAM_OVERLOADED);
        assertThat(channel.lastFailure().orElseThrow()).hasMessage("Overloaded");
        assertThat(fixture.usage).hasSize(1);
    }
}
