package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.socket.UnixClient;
import dev.cloister.core.socket.UnixClient.Answer;
import dev.cloister.core.upstream.UpstreamRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the broker lets through and what it refuses, byte by byte over a real socket. */
@Timeout(30)
class BrokerRequestTest {
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

    @Test
    void passesBothCallsWithTheirQuery() throws IOException {
        assertThat(UnixClient.call(socket, BrokerFixture.post()).status()).isEqualTo(200);
        String count = UnixClient.post("/v1/messages/count_tokens", "", BrokerFixture.body("claude-test-2"));
        assertThat(UnixClient.call(socket, count).status()).isEqualTo(200);
        assertThat(upstream.requests())
                .extracting(UpstreamRequest::path, UpstreamRequest::query)
                .containsExactly(tuple("/v1/messages", "beta=true"), tuple("/v1/messages/count_tokens", ""));
        assertThat(new String(upstream.requests().getFirst().body(), StandardCharsets.UTF_8))
                .isEqualTo(BrokerFixture.body());
        assertThat(fixture.usage).as("counting tokens uses none").hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /v1/messages",
                "PUT /v1/messages",
                "OPTIONS /v1/messages",
                "TRACE /v1/messages",
                "post /v1/messages",
                "HEAD /",
                "POST /",
                "POST /v1/files",
                "POST /v1/organizations/api_keys",
                "POST /v1/messages/",
                "POST /v1/messages/batches",
                "POST //v1/messages",
                "POST /v1//messages",
                "POST /v1/messages;x=1",
                "POST /v1/./messages",
                "POST /v1/files/../messages",
                "POST /v1/messages/../files",
                "POST /v1%2fmessages",
                "POST /v1/%6dessages",
                "POST /v1/messages%00",
                "POST /v1/messages%2f..%2ffiles",
                "POST /V1/messages",
                "POST http://api.internal/v1/files",
                "CONNECT api.internal:443",
            })
    void refusesEverythingElse(String line) throws IOException {
        String raw = line + " HTTP/1.1\r\nHost: api.internal\r\nContent-Length: 0\r\n\r\n";
        Answer answer = UnixClient.call(socket, line.startsWith("HEAD") ? raw.replace("HEAD", "DELETE") : raw);
        assertThat(answer.status()).isIn(400, 403);
        assertThat(answer.body()).startsWith("{\"type\":\"error\",\"error\":{\"type\":\"");
        assertThat(answer.headers()).containsEntry("content-type", "application/json");
        assertThat(upstream.requests()).isEmpty();
        assertThat(fixture.refusals("path") + fixture.refusals("malformed")).isEqualTo(1);
        reported("CREDENTIAL_NEVER_INSIDE");
        assertThat(channel.lastFailure())
                .as("a tool's knocking does not look like the agent's failure")
                .isEmpty();
    }

    @Test
    void reportsOnlyTheFirstKnocks() throws IOException {
        try (UnixClient client = new UnixClient(socket)) {
            for (int i = 0; i < 40; i++) {
                client.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
                assertThat(client.answer().status()).isEqualTo(403);
            }
        }
        assertThat(fixture.refusals("path")).isEqualTo(40);
        assertThat(fixture.audited).hasSize(10);
    }

    private void reported(String guarantee) {
        assertThat(fixture.audited).singleElement().asString().contains(guarantee);
    }

    static Stream<String> smuggled() {
        String body = BrokerFixture.body();
        int length = body.length();
        String chunked = Integer.toHexString(length) + "\r\n" + body + "\r\n0\r\n\r\n";
        String start = "POST /v1/messages HTTP/1.1\r\nHost: api.internal\r\n";
        return Stream.of(
                start + "Content-Length: " + length + "\r\nContent-Length: 5\r\n\r\n" + body,
                start + "Content-Length: " + length + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
                start + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked,
                start + "Transfer-Encoding: xchunked\r\nContent-Length: " + length + "\r\n\r\n" + body,
                start + "Content-Length: +" + length + "\r\n\r\n" + body,
                start + "Content-Length : " + length + "\r\n\r\n" + body,
                start + "Host: other\r\nContent-Length: " + length + "\r\n\r\n" + body,
                start + "X: a\r\n b\r\nContent-Length: " + length + "\r\n\r\n" + body,
                "POST /v1/messages HTTP/1.1\r\nContent-Length: " + length + "\r\n\r\n" + body,
                "POST http://evil.example/v1/messages HTTP/1.1\r\nHost: api.internal\r\nContent-Length: " + length
                        + "\r\n\r\n" + body);
    }

    @ParameterizedTest
    @MethodSource("smuggled")
    void refusesWhatTwoServersCouldReadDifferently(String raw) throws IOException {
        Answer answer = UnixClient.call(socket, raw);
        assertThat(answer.status()).isBetween(400, 501);
        assertThat(answer.body()).startsWith("{\"type\":\"error\"");
        assertThat(upstream.requests()).isEmpty();
        assertThat(fixture.refusals("malformed")).isEqualTo(1);
        reported("CREDENTIAL_NEVER_INSIDE");
    }

    @Test
    void readsAChunkedBody() throws IOException {
        String body = BrokerFixture.body();
        Answer answer = UnixClient.call(
                socket,
                "POST /v1/messages HTTP/1.1\r\nHost: api.internal\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + Integer.toHexString(body.length()) + "\r\n" + body + "\r\n0\r\n\r\n");
        assertThat(answer.status()).isEqualTo(200);
        assertThat(upstream.requests().getFirst().body())
                .asString(StandardCharsets.UTF_8)
                .isEqualTo(body);
    }

    static Stream<String> unusable() {
        return Stream.of(
                "",
                "hello",
                "[]",
                "\"claude-test-1\"",
                "{}",
                "{\"model\":5}",
                "{\"model\":null}",
                "{\"model\":[\"claude-test-1\"]}",
                "{\"model\":{\"model\":\"claude-test-1\"}}",
                "{\"messages\":[{\"model\":\"claude-test-1\"}]}",
                "{\"model\":\"claude-test-1\",\"model\":\"other\"}",
                "{\"model\":\"claude-test-1\",\"Model\":\"other\"}",
                "{\"model\":\"claude-test-1\",\"\\u006dodel\":\"other\"}",
                "{\"MODEL\":\"claude-test-1\"}",
                "{\"model\":\"claude-test-1\"} {\"model\":\"other\"}",
                "{\"model\":\"claude-test-1\"} {}",
                "{\"model\":\"claude-test-1\"} []",
                "{\"model\":\"claude-test-1\"} 1",
                "{\"model\":\"claude-test-1\"",
                "{\"model\":\"claude-test-1\",}",
                "\ufeff{\"model\":\"claude-test-1\"}",
                "{\"model\":\"claude-test-1\",\"x\":" + "[".repeat(200) + "]".repeat(200) + "}");
    }

    @ParameterizedTest
    @MethodSource("unusable")
    void refusesABodyThatNamesNoModelPlainly(String body) throws IOException {
        Answer answer = UnixClient.call(socket, UnixClient.post("/v1/messages", "", body));
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("invalid_request_error");
        assertThat(upstream.requests()).isEmpty();
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.INVALID_REQUEST);
        reported("CREDENTIAL_NEVER_INSIDE");
    }

    @Test
    void refusesOtherEncodings() throws IOException {
        for (byte[] body : List.of(
                BrokerFixture.body().getBytes(StandardCharsets.UTF_16),
                BrokerFixture.body().getBytes(StandardCharsets.UTF_16LE),
                "{\"model\":\"claude-test-1\",\"x\":\"\u00e4\"}".getBytes(StandardCharsets.ISO_8859_1))) {
            try (UnixClient client = new UnixClient(socket)) {
                client.send("POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: " + body.length + "\r\n\r\n");
                client.send(body);
                assertThat(client.answer().status()).isEqualTo(400);
            }
        }
        assertThat(upstream.requests()).isEmpty();
    }

    @Test
    void passesABodyOfTwoHundredLevels() throws IOException {
        String body = "{\"model\":\"claude-test-1\",\"x\":" + "[".repeat(199) + "]".repeat(199) + "}";
        assertThat(UnixClient.call(socket, UnixClient.post("/v1/messages", "", body))
                        .status())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"claude-other", "claude-test-1 ", "Claude-test-1", "claude-test-*", ""})
    void refusesAModelThatIsNotTheSessions(String model) throws IOException {
        Answer answer = UnixClient.call(socket, UnixClient.post("/v1/messages", "", BrokerFixture.body(model)));
        assertThat(answer.status()).isEqualTo(403);
        assertThat(answer.body()).contains("permission_error").contains("claude-test-2");
        assertThat(upstream.requests()).isEmpty();
        assertThat(fixture.refusals("model")).isEqualTo(1);
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.FORBIDDEN);
        reported("CREDENTIAL_NEVER_INSIDE");
    }

    @Test
    void answersABodyOverTheLimitCleanly() throws IOException {
        String body = BrokerFixture.body() + " ".repeat(4_000_000);
        Answer answer = UnixClient.call(socket, UnixClient.post("/v1/messages", "", body));
        assertThat(answer.status()).isEqualTo(413);
        assertThat(answer.body()).contains("request_too_large");
        String chunked = "POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + Integer.toHexString(body.length()).toUpperCase(Locale.ROOT) + "\r\n" + body + "\r\n0\r\n\r\n";
        assertThat(UnixClient.call(socket, chunked).status()).isEqualTo(413);
        assertThat(upstream.requests()).isEmpty();
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.TOO_LARGE);
        assertThat(fixture.audited).hasSize(2).allMatch(entry -> entry.contains("RESOURCES_BOUNDED"));
    }

    @Test
    void passesABodyOfExactlyTheLimit() throws IOException {
        String body = BrokerFixture.body();
        String padded = body + " ".repeat(BrokerFixture.BODY_LIMIT - body.length());
        assertThat(UnixClient.call(socket, UnixClient.post("/v1/messages", "", padded))
                        .status())
                .isEqualTo(200);
        assertThat(UnixClient.call(socket, UnixClient.post("/v1/messages", "", padded + " "))
                        .status())
                .isEqualTo(413);
    }

    @Test
    void refusesABadQuery() throws IOException {
        for (String query : List.of("a=%zz", "a=\"", "a=" + "x".repeat(2000))) {
            String raw = UnixClient.post("/v1/messages?" + query, "", BrokerFixture.body());
            assertThat(UnixClient.call(socket, raw).status()).isEqualTo(400);
        }
        assertThat(upstream.requests()).isEmpty();
    }

    @Test
    void limitsTheRate() throws IOException {
        try (UnixClient client = new UnixClient(socket)) {
            for (int i = 0; i < BrokerFixture.PER_MINUTE; i++) {
                client.send(BrokerFixture.post());
                assertThat(client.answer().status()).isEqualTo(200);
            }
            client.send(BrokerFixture.post());
            Answer refused = client.answer();
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.headers()).containsEntry("retry-after", "2");
            assertThat(channel.lastFailure().orElseThrow().retryAfter()).contains(Duration.ofSeconds(2));
            fixture.clock.advance(Duration.ofSeconds(2));
            client.send(BrokerFixture.post());
            assertThat(client.answer().status()).isEqualTo(200);
            assertThat(channel.lastFailure()).isEmpty();
            client.send(BrokerFixture.post());
            assertThat(client.answer().status()).isEqualTo(429);
        }
        assertThat(upstream.requests()).hasSize(BrokerFixture.PER_MINUTE + 1);
    }

    @Test
    void dropsHeadersThatAreNotListed() throws IOException {
        String headers = String.join(
                        "\r\n",
                        "Authorization: Bearer dummy",
                        "X-Api-Key: dummy",
                        "Cookie: a=b",
                        "X-Forwarded-For: 1.2.3.4",
                        "Forwarded: for=x",
                        "Proxy-Authorization: Basic x",
                        "Accept-Encoding: gzip",
                        "TE: trailers",
                        "X-Claude-Code-Session-Id: x",
                        "X-Anything: dummy",
                        "Accept: application/json",
                        "Content-Type: application/json",
                        "Anthropic-Version: 2023-06-01",
                        "User-Agent: agent/1",
                        "X-App: cli",
                        "X-Stainless-Lang: js",
                        "Anthropic-Beta: a",
                        "Anthropic-Beta: b",
                        "X-Stainless-OS: b\u00e4d")
                + "\r\n";
        UnixClient.call(socket, UnixClient.post("/v1/messages", headers, BrokerFixture.body()));
        assertThat(upstream.requests().getFirst().headers())
                .isEqualTo(Map.of(
                        "accept", "application/json",
                        "content-type", "application/json",
                        "anthropic-version", "2023-06-01",
                        "user-agent", "agent/1",
                        "x-app", "cli",
                        "x-stainless-lang", "js",
                        "anthropic-beta", "a, b",
                        "x-api-key", BrokerFixture.SECRET));
    }
}
