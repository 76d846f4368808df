package dev.cloister.cli.e2e;

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
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A Messages API of its own on loopback that plays scripts and remembers every request as it came over the wire. */
final class RecordingUpstream implements AutoCloseable {
    /** @param headers names in lower case; several values of one name are joined */
    record Seen(String path, Map<String, String> headers, String body) {}

    private final ScriptedUpstream scripted = new ScriptedUpstream();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final List<Seen> seen = new CopyOnWriteArrayList<>();
    private final HttpServer http;

    private RecordingUpstream() throws IOException {
        http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.setExecutor(threads);
        http.createContext("/", this::answer);
    }

    static RecordingUpstream start() throws IOException {
        RecordingUpstream upstream = new RecordingUpstream();
        upstream.http.start();
        return upstream;
    }

    /** For the key {@code upstream.url}. */
    String url() {
        return "http://127.0.0.1:" + http.getAddress().getPort();
    }

    List<Seen> seen() {
        return List.copyOf(seen);
    }

    Seen last() {
        return seen.getLast();
    }

    void forget() {
        seen.clear();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            Map<String, String> headers = new TreeMap<>();
            exchange.getRequestHeaders()
                    .forEach((name, values) -> headers.put(name.toLowerCase(Locale.ROOT), String.join(", ", values)));
            String path = exchange.getRequestURI().getPath();
            seen.add(new Seen(path, headers, new String(body, StandardCharsets.UTF_8)));
            String query =
                    Optional.ofNullable(exchange.getRequestURI().getQuery()).orElse("");
            try (UpstreamResponse response = scripted.send(new UpstreamRequest(path, query, headers, body))) {
                response.headers()
                        .forEach((name, value) -> exchange.getResponseHeaders().add(name, value));
                exchange.sendResponseHeaders(response.status(), 0);
                copy(response.body(), exchange.getResponseBody());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[8192];
        for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
            to.write(buffer, 0, count);
            to.flush();
        }
    }

    @Override
    public void close() {
        http.stop(0);
        threads.shutdownNow();
        scripted.close();
    }
}
