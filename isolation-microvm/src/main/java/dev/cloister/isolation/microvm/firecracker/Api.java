package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.CompletableResponseListener;
import org.eclipse.jetty.client.ContentResponse;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.StringRequestContent;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Transport;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** One Firecracker's API. What it answers may be a guest's word that broke out: answers are bounded in size and time. Thread-safe. */
final class Api {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LARGEST_ANSWER = 64 << 10;
    private static final int NO_CONTENT = 204;
    private static final int OK = 200;
    private static final int LONGEST_FAULT = 500;

    private final HttpClient client;
    private final Path socket;

    /** @param client started, and the caller's */
    Api(HttpClient client, Path socket) {
        this.client = client;
        this.socket = socket;
    }

    /** @param state {@code Not started}, {@code Running} or {@code Paused} */
    record Instance(String id, String state) {}

    /**
     * Who is there.
     *
     * @throws Unanswered if nobody answered, or not what Firecracker would
     */
    Instance instance(Duration patience) throws Unanswered {
        ContentResponse answer = exchange(client.newRequest("http://localhost/"), patience);
        if (answer.getStatus() != OK) {
            throw new Unanswered("it answered " + answer.getStatus());
        }
        try {
            JsonNode found = JSON.readTree(answer.getContentAsString());
            return new Instance(
                    found.path("id").asString(""), found.path("state").asString(""));
        } catch (JacksonException e) {
            throw new Unanswered("it answered no JSON");
        }
    }

    /**
     * Has something done.
     *
     * @throws IsolationException if it was not done, with what Firecracker said
     */
    void send(Requests.Request request, Duration patience) {
        try {
            ContentResponse answer = exchange(
                    client.newRequest("http://localhost" + request.path())
                            .method(request.method())
                            .body(new StringRequestContent(
                                    "application/json", JSON.writeValueAsString(request.body()))),
                    patience);
            if (answer.getStatus() != NO_CONTENT) {
                throw failed(request, answer.getStatus() + ": " + fault(answer.getContentAsString()));
            }
        } catch (Unanswered e) {
            throw failed(request, String.valueOf(e.getMessage()));
        }
    }

    private ContentResponse exchange(Request request, Duration patience) throws Unanswered {
        try {
            return new CompletableResponseListener(
                            request.transport(new Transport.TCPUnix(socket))
                                    // The next process at this socket is another one.
                                    .headers(headers -> headers.put(HttpHeader.CONNECTION, "close"))
                                    .timeout(patience.toMillis(), TimeUnit.MILLISECONDS),
                            LARGEST_ANSWER)
                    .send()
                    .get();
        } catch (ExecutionException e) {
            throw new Unanswered(String.valueOf(e.getCause()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unanswered("interrupted");
        }
    }

    private static String fault(String body) {
        String said;
        try {
            said = JSON.readTree(body).path("fault_message").asString(body);
        } catch (JacksonException e) {
            said = body;
        }
        return said.substring(0, Math.min(said.length(), LONGEST_FAULT)).strip();
    }

    private static IsolationException failed(Requests.Request request, String why) {
        return new IsolationException(new Finding(
                "Firecracker did not do " + request.method() + " " + request.path(),
                why,
                "See that the kernel is one that it can start, that its process may read and write the machine's files, and that"
                        + " nothing else uses the machine's directory."));
    }

    /** Nothing came that could be used. */
    static final class Unanswered extends Exception {
        private static final long serialVersionUID = 1;

        Unanswered(String why) {
            super(why);
        }
    }
}
