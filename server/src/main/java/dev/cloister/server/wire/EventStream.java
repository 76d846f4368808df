package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.server.net.Answers;
import dev.cloister.server.net.Exchange;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * An answer of server-sent events. Nothing is sent before the first event or comment, so that an earlier failure can still
 * have its own status. Every event is flushed. For one thread.
 *
 * @see <a href="https://html.spec.whatwg.org/multipage/server-sent-events.html">Server-sent events</a>
 */
public final class EventStream {
    private final Context context;
    private final long heartbeatNanos;
    private @Nullable OutputStream out;
    private long lastWriteNanos;

    /** @param heartbeat after so much silence {@link #beat} sends a comment */
    public EventStream(Context context, Duration heartbeat) {
        this.context = context;
        this.heartbeatNanos = heartbeat.toNanos();
        this.lastWriteNanos = System.nanoTime();
    }

    public boolean committed() {
        return out != null;
    }

    /** An event of a session, with the number that a client can come back with. */
    public void event(SessionEvent event) {
        write("id: " + event.seq() + "\n" + text(event.type(), event.data()));
    }

    public void event(String type, JsonNode data) {
        write(text(type, data.toString()));
    }

    /** The last event of a stream that failed after its status was sent. */
    public void error(CloisterException failure) {
        event("error", Answers.error(failure, Exchange.of(context.req()).requestId()));
    }

    private static String text(String type, String data) {
        return "event: " + type + "\ndata: " + data + "\n\n";
    }

    /** Sends a comment if the stream was silent for the heartbeat's time; commits it if it has no event yet. */
    public void beat() {
        if (System.nanoTime() - lastWriteNanos >= heartbeatNanos) {
            write(": keep-alive\n\n");
        }
    }

    /** Sends status and headers now. */
    public void commit() {
        write(": open\n\n");
    }

    private void write(String text) {
        try {
            OutputStream to = open();
            to.write(text.getBytes(StandardCharsets.UTF_8));
            to.flush();
        } catch (IOException e) {
            throw Replies.gone(e);
        }
        lastWriteNanos = System.nanoTime();
    }

    private OutputStream open() throws IOException {
        OutputStream open = out;
        if (open == null) {
            context.res().setStatus(200);
            context.res().setContentType("text/event-stream; charset=utf-8");
            context.res().setHeader("X-Accel-Buffering", "no");
            open = context.res().getOutputStream();
            out = open;
        }
        return open;
    }
}
