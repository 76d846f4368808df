package dev.cloister.core.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class HttpUpstreamTest {
    private final CountDownLatch release = new CountDownLatch(1);
    private final CountDownLatch arrived = new CountDownLatch(1);
    private HttpServer server;
    private String base;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        base = "http://127.0.0.1:" + server.getAddress().getPort();
        server.createContext("/v1/messages", exchange -> {
            String seen = exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + exchange.getProtocol()
                    + " " + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("X-Two", "a");
            exchange.getResponseHeaders().add("X-Two", "b");
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(seen.getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
            await(release);
            exchange.getResponseBody().write(" end".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        server.createContext("/moved", exchange -> {
            exchange.getResponseHeaders().add("Location", base + "/v1/messages");
            exchange.sendResponseHeaders(307, -1);
            exchange.close();
        });
        server.createContext("/silent", exchange -> {
            arrived.countDown();
            await(release);
            exchange.close();
        });
        server.start();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @AfterEach
    void stop() {
        release.countDown();
        server.stop(0);
    }

    private HttpUpstream upstream(String url, Duration timeout) {
        return new HttpUpstream(URI.create(url), Duration.ofSeconds(10), timeout);
    }

    private static UpstreamRequest request(String query) {
        byte[] body = "{}".getBytes(StandardCharsets.UTF_8);
        return new UpstreamRequest("/v1/messages", query, Map.of("x-app", "cli"), body);
    }

    @Test
    void streamsTheBody() throws Exception {
        try (HttpUpstream upstream = upstream(base, Duration.ofSeconds(30));
                UpstreamResponse response = upstream.send(request("beta=true"))) {
            String first = "POST /v1/messages?beta=true HTTP/1.1 {}";
            assertThat(response.body().readNBytes(first.length())).asString().isEqualTo(first);
            release.countDown();
            assertThat(response.body().readAllBytes()).asString().isEqualTo(" end");
            assertThat(response.headers()).containsEntry("x-two", "a, b");
        }
    }

    @Test
    void doesNotFollowARedirect() throws Exception {
        try (HttpUpstream upstream = upstream(base + "/moved", Duration.ofSeconds(30));
                UpstreamResponse response = upstream.send(request(""))) {
            assertThat(response.status()).isEqualTo(307);
        }
    }

    @Test
    void givesUpWithoutHeaders() {
        try (HttpUpstream upstream = upstream(base + "/silent", Duration.ofMillis(50))) {
            assertThatThrownBy(() -> upstream.send(request(""))).isInstanceOf(HttpTimeoutException.class);
        }
    }

    @Test
    void canBeInterrupted() throws Exception {
        try (HttpUpstream upstream = upstream(base + "/silent", Duration.ofMinutes(10))) {
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread caller = Thread.ofVirtual().start(() -> {
                try {
                    upstream.send(request(""));
                } catch (IOException | InterruptedException e) {
                    thrown.set(e);
                }
            });
            arrived.await();
            caller.interrupt();
            caller.join();
            assertThat(thrown.get()).isInstanceOf(InterruptedException.class);
        }
    }

    @Test
    void keepsABadCredentialOutOfItsMessage() {
        try (HttpUpstream upstream = upstream(base, Duration.ofSeconds(30))) {
            UpstreamRequest bad =
                    new UpstreamRequest("/v1/messages", "", Map.of("x-api-key", "secret\nx"), new byte[0]);
            assertThatThrownBy(() -> upstream.send(bad))
                    .isInstanceOf(IOException.class)
                    .hasNoCause()
                    .message()
                    .doesNotContain("secret");
        }
    }

    @Test
    void describesItselfWithoutUserInformation() {
        try (HttpUpstream upstream = upstream("https://user:secret@gateway.example:8443/a/b/", Duration.ofSeconds(1))) {
            assertThat(upstream.description()).isEqualTo("https://gateway.example:8443/a/b");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://host/", "/path", "http:opaque", "host:80"})
    void refusesWhatIsNoHttpUrl(String url) {
        assertThatThrownBy(() -> upstream(url, Duration.ofSeconds(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("http");
    }
}
