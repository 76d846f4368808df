package dev.cloister.cli.bench;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.cloister.core.upstream.ScriptedUpstream;
import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.core.upstream.UpstreamResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** The scripted upstream as a Messages API on a free port of 127.0.0.1, so that all that is measured calls the same one. */
final class ScriptedHttp implements AutoCloseable {
    private static final int BUFFER = 8192;

    static {
        // Without it the kernel holds a small piece back until the one before it was acknowledged, for up to 40 ms.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private final ScriptedUpstream scripted = new ScriptedUpstream();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Consumer<byte[]> seen;
    private final HttpServer http;

    private ScriptedHttp(Consumer<byte[]> seen) throws IOException {
        this.seen = seen;
        http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.setExecutor(threads);
        http.createContext("/", this::answer);
    }

    static ScriptedHttp start() throws IOException {
        return start(body -> {});
    }

    /** @param seen gets the body of each request before it is answered, on any thread */
    static ScriptedHttp start(Consumer<byte[]> seen) throws IOException {
        ScriptedHttp upstream = new ScriptedHttp(seen);
        upstream.http.start();
        return upstream;
    }

    String url() {
        return "http://127.0.0.1:" + http.getAddress().getPort();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            if (exchange.getRequestMethod().equals("HEAD")) {
                // The agent looks whether somebody is there.
                exchange.sendResponseHeaders(200, -1);
                return;
            }
            seen.accept(body);
            String query =
                    Optional.ofNullable(exchange.getRequestURI().getQuery()).orElse("");
            UpstreamRequest request =
                    new UpstreamRequest(exchange.getRequestURI().getPath(), query, Map.of(), body);
            try (UpstreamResponse response = scripted.send(request)) {
                response.headers()
                        .forEach((name, value) -> exchange.getResponseHeaders().add(name, value));
                exchange.sendResponseHeaders(response.status(), 0);
                copy(response.body(), exchange.getResponseBody());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Piece by piece, as they come. */
    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[BUFFER];
        for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
            to.write(buffer, 0, count);
            to.flush();
        }
        to.close();
    }

    @Override
    public void close() {
        http.stop(0);
        threads.shutdownNow();
        scripted.close();
    }
}
