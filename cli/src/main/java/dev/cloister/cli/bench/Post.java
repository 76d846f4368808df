package dev.cloister.cli.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import tools.jackson.databind.node.ObjectNode;

/**
 * A request that is timed. Of the JDK's two clients by the one that does all on the caller's own thread: the other's threads
 * would be measured too, and take a tenth of the processors from what is to be measured.
 */
final class Post {
    private static final Duration CONNECT = Duration.ofSeconds(10);

    private Post() {}

    /** Sends it; the answer is still to be read. */
    static HttpURLConnection send(URI uri, String token, ObjectNode body, Duration patience) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setConnectTimeout((int) CONNECT.toMillis());
        connection.setReadTimeout((int) patience.toMillis());
        connection.setRequestProperty("authorization", "Bearer " + token);
        connection.setRequestProperty("content-type", "application/json");
        connection.setDoOutput(true);
        // Not as a stream of its own: before each of those it waits a millisecond, to see whether the server has gone.
        try (OutputStream out = connection.getOutputStream()) {
            out.write(body.toString().getBytes(StandardCharsets.UTF_8));
        }
        return connection;
    }

    /** The whole answer, also one that tells of an error. */
    static String answer(HttpURLConnection connection) throws IOException {
        try (InputStream in =
                connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
