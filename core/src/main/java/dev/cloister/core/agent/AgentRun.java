package dev.cloister.core.agent;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One started agent process through one user message: reads back its settings, sends the message, reads to the result.
 *
 * <p>{@link #run} blocks in a pipe read and so belongs on a platform thread; {@link #cancel} may be called from any.
 */
public final class AgentRun {
    /** How long the agent may take to say which settings it took; a healthy one needs well below a second. */
    static final Duration HANDSHAKE = Duration.ofSeconds(30);
    /** Between the interrupt, which lets the agent end its tools, and the kill. */
    static final Duration GRACE = Duration.ofSeconds(2);

    private static final int MAX_LINE = 64 << 20;
    private static final int MAX_COMPLAINT = 4096;

    private final SandboxProcess process;
    private final ObjectNode settings;
    private final ScheduledExecutorService timer;
    private @Nullable ScheduledFuture<?> pendingKill;
    private boolean over;

    /** @param settings what the agent was told to take, to be compared with what it took */
    public AgentRun(SandboxProcess process, ObjectNode settings, ScheduledExecutorService timer) {
        this.process = process;
        this.settings = settings;
        this.timer = timer;
    }

    /**
     * Runs the message. When this returns the result is known and the agent was told to end; {@link #awaitEnd} waits for it.
     *
     * @param events gets each event in order, on this thread
     * @throws CloisterException AGENT_FAILED if the agent did not take its settings as given; the message was then not sent
     */
    public AgentEnd run(ArrayNode content, Consumer<AgentEvent> events) {
        Complaint complaint = new Complaint(process.stderr());
        Thread.ofPlatform().daemon(true).name("agent-stderr-" + process.pid()).start(complaint);
        ScheduledFuture<?> impatience = timer.schedule(this::kill, HANDSHAKE.toMillis(), TimeUnit.MILLISECONDS);
        LineReader lines = new LineReader(process.stdout(), MAX_LINE);
        boolean checked = false;
        try {
            send(StreamJson.controlRequest("settings", "get_settings"));
            for (Optional<String> line = lines.next(); line.isPresent(); line = lines.next()) {
                for (AgentEvent event : StreamJson.parse(line.get())) {
                    if (!checked) {
                        if (event instanceof AgentEvent.ControlResponse response) {
                            checkSettings(response);
                            checked = true;
                            impatience.cancel(false);
                            if (cancelled()) {
                                return endWithout(false, complaint);
                            }
                            send(StreamJson.userMessage(content));
                        } else if (event instanceof AgentEvent.Result result) {
                            return end(result, checked, complaint);
                        }
                        continue;
                    }
                    if (event instanceof AgentEvent.Result result) {
                        return end(result, checked, complaint);
                    }
                    events.accept(event);
                }
            }
            return endWithout(checked, complaint);
        } catch (JacksonException e) {
            if (endedOutOfMemory()) {
                // Killed in the middle of a line.
                return endWithout(checked, complaint);
            }
            throw new CloisterException(
                    ErrorCode.AGENT_FAILED, "the agent printed a line that is not JSON; send the message again", e);
        } catch (IOException e) {
            // The process was ended, by cancel or by itself: its pipes are closed.
            return endWithout(checked, complaint);
        } finally {
            impatience.cancel(false);
            finish();
        }
    }

    private AgentEnd end(AgentEvent.Result result, boolean begun, Complaint complaint) {
        finish();
        return new AgentEnd(Optional.of(result), begun, false, complaint.text());
    }

    private AgentEnd endWithout(boolean begun, Complaint complaint) {
        finish();
        complaint.awaitEnd();
        return new AgentEnd(Optional.empty(), begun, endedOutOfMemory(), complaint.text());
    }

    /** Waits for the process's end, unless it was cancelled: then nobody asks for the cause, and it may take its time. */
    private boolean endedOutOfMemory() {
        return !cancelled() && ended() instanceof ExitStatus.OutOfMemory;
    }

    private void checkSettings(AgentEvent.ControlResponse response) {
        JsonNode errors = response.response().path("errors");
        boolean clean = errors.isMissingNode() || errors.isNull() || errors.isEmpty();
        if (response.success() && clean && settings.equals(response.response().path("effective"))) {
            return;
        }
        throw new CloisterException(
                ErrorCode.AGENT_FAILED,
                "the agent did not take its tool policy as given, so the message was not sent: "
                        + (clean ? "effective settings differ" : "it reports errors")
                        + "; the operator should check policy.allow and policy.deny and the agent's version");
    }

    private synchronized void send(String line) throws IOException {
        OutputStream stdin = process.stdin();
        stdin.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        stdin.flush();
    }

    /** Nothing more will be sent: the agent ends when it is idle. */
    private synchronized void finish() {
        if (over) {
            return;
        }
        over = true;
        try {
            process.stdin().close();
        } catch (IOException e) {
            // It has ended already.
            return;
        }
    }

    /** Interrupts the agent so that it ends its tools, and kills it with all it started if it does not end in time. */
    public void cancel() {
        synchronized (this) {
            if (pendingKill != null || over) {
                return;
            }
            pendingKill = timer.schedule(this::kill, GRACE.toMillis(), TimeUnit.MILLISECONDS);
        }
        // On a thread of its own: an agent that does not read would block the caller.
        Thread.ofPlatform()
                .daemon(true)
                .name("agent-interrupt-" + process.pid())
                .start(() -> {
                    try {
                        send(StreamJson.controlRequest("interrupt", "interrupt"));
                    } catch (IOException e) {
                        // It is ending already; what stays falls to the kill that is planned.
                        return;
                    }
                });
    }

    private synchronized boolean cancelled() {
        return pendingKill != null;
    }

    /** Never on the timer's own thread, which others wait for. */
    private void kill() {
        Thread.ofVirtual().name("agent-kill-" + process.pid()).start(() -> process.terminate(Duration.ZERO));
    }

    /** Tells the agent to end and waits until it and all it started are gone; kills what does not end in time. */
    public void awaitEnd() {
        ExitStatus ignored = ended();
    }

    private ExitStatus ended() {
        finish();
        ScheduledFuture<?> last = timer.schedule(this::kill, GRACE.toMillis(), TimeUnit.MILLISECONDS);
        try {
            return process.await();
        } catch (InterruptedException e) {
            process.terminate(Duration.ZERO);
            Thread.currentThread().interrupt();
            return new ExitStatus.Cancelled();
        } finally {
            last.cancel(false);
        }
    }

    /** Keeps the end of standard error. */
    private static final class Complaint implements Runnable {
        private final InputStream stderr;
        private final StringBuilder tail = new StringBuilder();
        private boolean ended;

        Complaint(InputStream stderr) {
            this.stderr = stderr;
        }

        @Override
        public void run() {
            byte[] buffer = new byte[4096];
            try {
                for (int n = stderr.read(buffer); n >= 0; n = stderr.read(buffer)) {
                    append(new String(buffer, 0, n, StandardCharsets.UTF_8));
                }
            } catch (IOException e) {
                append("");
            }
            synchronized (this) {
                ended = true;
                notifyAll();
            }
        }

        private synchronized void append(String text) {
            tail.append(text);
            if (tail.length() > MAX_COMPLAINT) {
                tail.delete(0, tail.length() - MAX_COMPLAINT);
            }
        }

        synchronized void awaitEnd() {
            long deadline = System.nanoTime() + GRACE.toNanos();
            try {
                while (!ended && System.nanoTime() < deadline) {
                    wait(50);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        synchronized String text() {
            return tail.toString();
        }
    }
}
