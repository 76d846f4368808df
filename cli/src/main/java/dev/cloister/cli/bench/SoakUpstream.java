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
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A Messages API on loopback that plays scripts, and knows of each message with which earlier ones it came. A message is known
 * by its word, which no other has. Thread-safe.
 */
final class SoakUpstream implements AutoCloseable {
    private static final Pattern WORD = Pattern.compile("word-[0-9]+-[0-9]+");
    private static final int BUFFER = 8192;

    private final ScriptedUpstream scripted = new ScriptedUpstream();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Set<String>> conversations = new ConcurrentHashMap<>();
    private final HttpServer http;

    private SoakUpstream() throws IOException {
        http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.setExecutor(threads);
        http.createContext("/", this::answer);
    }

    static SoakUpstream start() throws IOException {
        SoakUpstream upstream = new SoakUpstream();
        upstream.http.start();
        return upstream;
    }

    /** The word of a message. */
    static String word(int client, int number) {
        return "word-%d-%d".formatted(client, number);
    }

    /** For the key {@code upstream.url}. */
    String url() {
        return "http://127.0.0.1:" + http.getAddress().getPort();
    }

    /** The words of all messages that one was sent with, and its own. Forgets them. */
    Set<String> conversation(String word) {
        Set<String> words = conversations.remove(word);
        return words == null ? Set.of() : words;
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            remember(body);
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

    private void remember(byte[] body) {
        JsonNode all;
        try {
            all = JsonMapper.shared().readTree(body);
        } catch (JacksonException e) {
            // The answer will say so.
            return;
        }
        Set<String> words = new HashSet<>();
        String last = "";
        for (JsonNode message : all.path("messages")) {
            if (message.path("role").asString("").equals("user")) {
                Matcher word = WORD.matcher(message.toString());
                while (word.find()) {
                    last = word.group();
                    words.add(last);
                }
            }
        }
        if (!last.isEmpty()) {
            // A message can need several calls, and the CLI makes some of its own that hold less.
            conversations.merge(last, Set.copyOf(words), SoakUpstream::union);
        }
    }

    private static Set<String> union(Set<String> one, Set<String> other) {
        Set<String> both = new HashSet<>(one);
        both.addAll(other);
        return Set.copyOf(both);
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[BUFFER];
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
