package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.socket.UnixClient;
import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.HttpUpstream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The whole way to a real HTTP server: what it sees of the credential, and what the sandbox does. */
@Timeout(30)
class BrokerCredentialTest {
    private static final String DUMMY = "dummy-credential-of-the-sandbox";

    private final Map<String, List<String>> arrived = new ConcurrentHashMap<>();
    private BrokerFixture fixture;
    private HttpServer server;
    private HttpUpstream upstream;

    @BeforeEach
    void open() throws IOException {
        fixture = new BrokerFixture();
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.getRequestHeaders().forEach((name, values) -> arrived.put(name.toLowerCase(Locale.ROOT), values));
            arrived.put(":uri", List.of(exchange.getRequestURI().toString()));
            exchange.getRequestBody().readAllBytes();
            byte[] body = "{}".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        URI base = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/gateway/");
        upstream = new HttpUpstream(base, Duration.ofSeconds(5), Duration.ofSeconds(30));
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
        upstream.close();
        server.stop(0);
    }

    @ParameterizedTest
    @EnumSource(Credential.Kind.class)
    void swapsTheDummyForTheRealCredential(Credential.Kind kind) throws IOException {
        Path socket = fixture.socket("s");
        fixture.open(socket, upstream, new Credential(kind, BrokerFixture.SECRET));
        String headers = "Authorization: Bearer " + DUMMY + "\r\nX-Api-Key: " + DUMMY + "\r\nAnthropic-Beta: one\r\n";
        String request = UnixClient.post("/v1/messages?beta=true", headers, BrokerFixture.body());
        assertThat(UnixClient.call(socket, request).status()).isEqualTo(200);

        assertThat(arrived).containsEntry(":uri", List.of("/gateway/v1/messages?beta=true"));
        assertThat(arrived.toString()).doesNotContain(DUMMY).contains(BrokerFixture.SECRET);
        switch (kind) {
            case API_KEY ->
                assertThat(arrived)
                        .containsEntry("x-api-key", List.of(BrokerFixture.SECRET))
                        .containsEntry("anthropic-beta", List.of("one"))
                        .doesNotContainKey("authorization");
            case BEARER ->
                assertThat(arrived)
                        .containsEntry("authorization", List.of("Bearer " + BrokerFixture.SECRET))
                        .containsEntry("anthropic-beta", List.of("one"))
                        .doesNotContainKey("x-api-key");
            case OAUTH ->
                assertThat(arrived)
                        .containsEntry("authorization", List.of("Bearer " + BrokerFixture.SECRET))
                        .containsEntry("anthropic-beta", List.of("one,oauth-2025-04-20"))
                        .doesNotContainKey("x-api-key");
        }
    }

    @Test
    void addsTheBetaHeaderOnce() throws IOException {
        Path socket = fixture.socket("s");
        fixture.open(socket, upstream, new Credential(Credential.Kind.OAUTH, BrokerFixture.SECRET));
        String headers = "anthropic-beta: one, oauth-2025-04-20\r\n";
        UnixClient.call(socket, UnixClient.post("/v1/messages", headers, BrokerFixture.body()));
        assertThat(arrived).containsEntry("anthropic-beta", List.of("one, oauth-2025-04-20"));
        UnixClient.call(socket, UnixClient.post("/v1/messages", "", BrokerFixture.body()));
        assertThat(arrived).containsEntry("anthropic-beta", List.of("oauth-2025-04-20"));
    }

    @Test
    void saysWhenTheUpstreamIsAway() throws IOException {
        server.stop(0);
        Path socket = fixture.socket("s");
        BrokerChannel channel = fixture.open(socket, upstream);
        UnixClient.Answer answer = UnixClient.call(socket, BrokerFixture.post());
        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.body()).contains("api_error").doesNotContain("127.0.0.1");
        assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.UPSTREAM_UNREACHABLE);
        assertThat(fixture.usage).isEmpty();
    }

    @Test
    void keepsACredentialThatHttpCannotCarryOutOfTheAnswer() throws IOException {
        Path socket = fixture.socket("s");
        fixture.open(socket, upstream, new Credential(Credential.Kind.BEARER, BrokerFixture.SECRET + "\n"));
        UnixClient.Answer answer = UnixClient.call(socket, BrokerFixture.post());
        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.body()).doesNotContain(BrokerFixture.SECRET);
        assertThat(arrived).isEmpty();
    }
}
