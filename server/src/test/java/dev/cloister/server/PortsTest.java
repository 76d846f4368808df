package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.cloister.core.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PortsTest {
    private static final TenantId A = new TenantId("a".repeat(32));
    private static final int PORT = 8123;

    private TestServer server;
    private HttpServer inside;
    private volatile String seen = "";

    @BeforeEach
    void start() throws Exception {
        server = new TestServer();
        inside = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        inside.createContext("/", exchange -> {
            seen = exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().entrySet();
            byte[] body = exchange.getRequestBody().readAllBytes();
            exchange.getResponseHeaders().set("X-Inside", "yes");
            exchange.getResponseHeaders().set("Content-Type", "text/html");
            exchange.sendResponseHeaders(
                    exchange.getRequestURI().getPath().equals("/gone") ? 410 : 200, body.length + 3L);
            exchange.getResponseBody().write("in ".getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        inside.start();
        listening(inside.getAddress());
    }

    private void listening(InetSocketAddress address) {
        server.ports = (tenant, port) -> {
            try {
                return tenant.equals(A) && port == PORT ? Optional.of(SocketChannel.open(address)) : Optional.empty();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    @AfterEach
    void stop() {
        server.stop();
        inside.stop(0);
    }

    @Test
    void aRequestAndItsAnswerPassAsTheyAre() throws Exception {
        HttpResponse<String> answer = server.send(server.request("/v1/ports/8123/a%20b/../c?q=1&r=%2F")
                .header("cookie", "mine=1")
                .POST(BodyPublishers.ofString("hello".repeat(100_000))));
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("in " + "hello".repeat(100_000));
        assertThat(answer.headers().firstValue("x-inside")).contains("yes");
        assertThat(answer.headers().firstValue("request-id")).isPresent();
        assertThat(answer.headers().firstValue("content-security-policy")).isEmpty();
        assertThat(seen)
                .startsWith("POST /a%20b/../c?q=1&r=%2F ")
                .contains("localhost:8123", "/v1/ports/8123", "mine=1")
                .doesNotContain("Bearer");
        assertThat(server.get("/v1/ports/8123").body()).isEqualTo("in ");
        assertThat(seen).startsWith("GET / ");
        assertThat(server.get("/v1/ports/8123/gone").statusCode()).isEqualTo(410);
    }

    @Test
    void whatIsNotTheCallersIsNotReached() throws Exception {
        assertThat(server.get("/v1/ports/8124/").statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/ports/8124/").body()).contains("nothing of yours", "request_id");
        assertThat(server.send(java.net.http.HttpRequest.newBuilder(server.uri("/v1/ports/8123/"))
                                .header("authorization", "Bearer b"))
                        .statusCode())
                .isEqualTo(404);
        assertThat(server.send(java.net.http.HttpRequest.newBuilder(server.uri("/v1/ports/8123/")))
                        .statusCode())
                .isEqualTo(401);
        for (String wrong : new String[] {"0", "65536", "x", "8123x", "", "08123456"}) {
            assertThat(server.get("/v1/ports/" + wrong).statusCode()).as(wrong).isEqualTo(400);
        }
        assertThat(seen).isEmpty();
    }

    @Test
    void whatDoesNotSpeakHttpIsSaidToBeSo() throws Exception {
        try (ServerSocket odd = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
            listening(new InetSocketAddress("127.0.0.1", odd.getLocalPort()));
            Thread.ofPlatform().daemon(true).start(() -> {
                while (!odd.isClosed()) {
                    try (Socket caller = odd.accept()) {
                        caller.getInputStream().read(new byte[10]);
                        caller.getOutputStream().write("SSH-2.0-odd\r\n".getBytes(StandardCharsets.UTF_8));
                    } catch (IOException e) {
                        return;
                    }
                }
            });
            HttpResponse<String> answer = server.get("/v1/ports/8123/");
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("no HTTP answer");
        }
    }

    @Test
    void aWebSocketLeadsThereAndBack() throws Exception {
        try (ServerSocket echo = new ServerSocket(0, 5, InetAddress.ofLiteral("127.0.0.1"))) {
            listening(new InetSocketAddress("127.0.0.1", echo.getLocalPort()));
            Thread.ofPlatform().daemon(true).start(() -> echo(echo));
            BlockingQueue<String> heard = new LinkedBlockingQueue<>();
            try (HttpClient client = HttpClient.newHttpClient()) {
                WebSocket socket = client.newWebSocketBuilder()
                        .header("authorization", "Bearer a")
                        .subprotocols("chat")
                        .buildAsync(
                                URI.create("ws://127.0.0.1:" + server.port() + "/v1/ports/8123/live?x=1"),
                                new WebSocket.Listener() {
                                    @Override
                                    public CompletionStage<?> onText(
                                            WebSocket socket, CharSequence text, boolean last) {
                                        heard.add(text.toString());
                                        socket.request(1);
                                        return CompletableFuture.completedStage(text);
                                    }
                                })
                        .get(20, TimeUnit.SECONDS);
                assertThat(socket.getSubprotocol()).isEqualTo("chat");
                for (int i = 0; i < 50; i++) {
                    socket.sendText("word " + i, true).get(10, TimeUnit.SECONDS);
                    assertThat(heard.poll(10, TimeUnit.SECONDS)).isEqualTo("word " + i);
                }
                socket.abort();
            }
            assertThat(seen).startsWith("GET /live?x=1 HTTP/1.1").doesNotContain("Bearer");
        }
    }

    /** Agrees to a WebSocket (RFC 6455) and sends each short text back. */
    private void echo(ServerSocket listener) {
        try (Socket caller = listener.accept()) {
            InputStream in = caller.getInputStream();
            OutputStream out = caller.getOutputStream();
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) in.read());
            }
            seen = head.toString();
            String key = head.toString().replaceAll("(?is).*sec-websocket-key: (\\S+).*", "$1");
            byte[] accept = MessageDigest.getInstance("SHA-1")
                    .digest((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
            out.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: "
                            + Base64.getEncoder().encodeToString(accept) + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            while (in.read() >= 0) {
                int length = in.read() & 0x7f;
                byte[] mask = in.readNBytes(4);
                byte[] text = in.readNBytes(length);
                for (int i = 0; i < length; i++) {
                    text[i] ^= mask[i % 4];
                }
                out.write(0x81);
                out.write(length);
                out.write(text);
                out.flush();
            }
        } catch (Exception e) {
            seen = seen + e;
        }
    }
}
