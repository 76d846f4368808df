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
import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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
 * A started agent process, which takes one message after another until it is told to end. A platform thread of its own
 * reads what it prints, from its start to its end, also while it has nothing to do.
 *
 * <p>{@link #run} is for one thread at a time, and not for a virtual one: it writes to a pipe. The rest is thread-safe.
 */
public final class LiveAgent {
    /** How long the agent may take to say which settings it took; a healthy one needs well below a second. */
    static final Duration HANDSHAKE = Duration.ofSeconds(30);
    /** Between the interrupt, which lets the agent end its tools, and the kill. */
    static final Duration GRACE = Duration.ofSeconds(2);

    private static final int MAX_LINE = 64 << 20;

    private final SandboxProcess process;
    private final ObjectNode settings;
    private final ScheduledExecutorService timer;
    private final Complaint complaint;
    /** Commands that a tool left running; their end would make the agent go on by itself. */
    private final Set<String> tasks = new HashSet<>();

    private @Nullable Message current;
    private @Nullable ScheduledFuture<?> pendingKill;
    private int messages;
    private boolean over;
    private boolean silent;
    private boolean unfit;
    /** Whether the settings were read back since the last message. */
    private boolean verified;

    private Runnable whenLost = () -> {};
    /** Completed when it has answered for the first time, or has ended. */
    private final Duration handshake;

    private volatile boolean givenUp;
    private final CompletableFuture<Void> up = new CompletableFuture<>();

    /** One message on its way through the agent. */
    private static final class Message {
        final String question;
        final Consumer<AgentEvent> events;
        /** Empty: the agent ended, or said how it ended, before it answered. */
        final CompletableFuture<Optional<AgentEvent.ControlResponse>> answer = new CompletableFuture<>();

        final CompletableFuture<Optional<AgentEvent.Result>> result = new CompletableFuture<>();
        boolean sent;
        boolean begun;

        Message(String question, Consumer<AgentEvent> events) {
            this.question = question;
            this.events = events;
        }

        void end(Optional<AgentEvent.Result> how) {
            answer.complete(Optional.empty());
            result.complete(how);
        }

        void fail(RuntimeException why) {
            answer.complete(Optional.empty());
            result.completeExceptionally(why);
        }
    }

    /**
     * @param settings what the agent was told to take, to be compared with what it took
     * @param handshake how long it may take to say what it took
     */
    LiveAgent(SandboxProcess process, ObjectNode settings, Duration handshake, ScheduledExecutorService timer) {
        this.process = process;
        this.settings = settings;
        this.handshake = handshake;
        this.timer = timer;
        this.complaint = new Complaint(process.stderr());
        platform("stderr", complaint);
        platform("stdout", this::read);
    }

    private void platform(String what, Runnable task) {
        Thread.ofPlatform()
                .daemon(true)
                .name("agent-" + what + "-" + process.pid())
                .start(task);
    }

    private void read() {
        try (InputStream stdout = process.stdout()) {
            LineReader lines = new LineReader(stdout, MAX_LINE);
            for (Optional<String> line = lines.next(); line.isPresent(); line = lines.next()) {
                for (AgentEvent event : StreamJson.parse(line.get())) {
                    accept(event);
                }
            }
        } catch (IOException e) {
            // The process was ended, by cancel or by itself: its pipes are closed.
            fallSilent(null);
            return;
        } catch (RuntimeException e) {
            fallSilent(e);
            return;
        }
        fallSilent(null);
    }

    private void accept(AgentEvent event) {
        @Nullable Message message;
        synchronized (this) {
            message = current;
            switch (event) {
                case AgentEvent.TaskStarted started -> tasks.add(started.id());
                case AgentEvent.TaskEnded ended -> tasks.remove(ended.id());
                case AgentEvent.Init init when message != null && message.sent -> message.begun = true;
                default -> {}
            }
        }
        switch (event) {
            case AgentEvent.ControlResponse response -> {
                up.complete(null);
                if (message != null && response.requestId().equals(message.question)) {
                    message.answer.complete(Optional.of(response));
                }
            }
            case AgentEvent.Other _, AgentEvent.TaskStarted _, AgentEvent.TaskEnded _ -> {}
            case AgentEvent.Result result -> {
                // Before the message was sent it is how the start failed, or the end of something unasked.
                if (message == null || !message.sent) {
                    lose();
                }
                if (message != null) {
                    message.end(Optional.of(result));
                }
            }
            default -> {
                if (message != null && message.sent) {
                    message.events.accept(event);
                } else {
                    lose();
                }
            }
        }
    }

    /** What it says without being asked would be taken for the answer to the next message. */
    private void lose() {
        Runnable told;
        synchronized (this) {
            unfit = true;
            told = current == null ? whenLost : () -> {};
        }
        told.run();
    }

    /** @param why a fault in what it printed, or of those who were given it; null: its output ended */
    private void fallSilent(@Nullable RuntimeException why) {
        @Nullable Message message;
        synchronized (this) {
            silent = true;
            message = current;
        }
        up.complete(null);
        if (message == null) {
            lose();
        } else if (why == null) {
            message.end(Optional.empty());
        } else {
            message.fail(why);
        }
    }

    /**
     * Sends the message and waits for its result. The agent lives on, unless it has none. Before, it has the settings read back,
     * unless {@link #verify} has done so since the last message; then it only asks which servers of tools there are, which
     * takes the agent a fraction of the time.
     *
     * @param events gets each event in order, on the agent's own thread
     * @throws CloisterException AGENT_FAILED if the agent did not take its settings as given; the message was then not sent
     */
    public AgentEnd run(ArrayNode content, Consumer<AgentEvent> events) {
        Message message = begin(events);
        try {
            if (stands(message)) {
                if (!mayBegin(message)) {
                    return endWithout(message);
                }
                send(StreamJson.userMessage(content));
            }
            return end(message, message.result.join());
        } catch (IOException e) {
            return endWithout(message);
        } catch (CompletionException e) {
            return brokenOff(message, e);
        } finally {
            rest();
        }
    }

    /**
     * Has the settings read back while there is no message, so that the next one does not wait for it. For the same threads as
     * {@link #run}, and not at the same time. An agent that has ended is unfit afterwards.
     *
     * @throws CloisterException AGENT_FAILED if the agent did not take its settings as given
     */
    public void verify() {
        Message nothing = begin(event -> {});
        try {
            if (stands(nothing)) {
                synchronized (this) {
                    verified = true;
                }
            }
        } catch (IOException e) {
            finish();
        } finally {
            rest();
        }
    }

    private synchronized Message begin(Consumer<AgentEvent> events) {
        Message message = new Message("question-" + ++messages, events);
        if (silent || over || unfit) {
            message.end(Optional.empty());
        }
        current = message;
        return message;
    }

    private synchronized void rest() {
        current = null;
    }

    /** Asks the agent how it stands. False if it ended, or said how it ended, instead of an answer. */
    private boolean stands(Message message) throws IOException {
        boolean known;
        synchronized (this) {
            known = verified;
        }
        ScheduledFuture<?> impatience = timer.schedule(this::giveUp, handshake.toMillis(), TimeUnit.MILLISECONDS);
        try {
            send(StreamJson.controlRequest(message.question, known ? "mcp_status" : "get_settings"));
            Optional<AgentEvent.ControlResponse> answer = message.answer.join();
            answer.ifPresent(known ? this::checkServers : this::checkSettings);
            return answer.isPresent();
        } finally {
            impatience.cancel(false);
        }
    }

    /** All that the agent said of its own accord came before its answer, so what comes from now on belongs to the message. */
    private synchronized boolean mayBegin(Message message) {
        message.sent = pendingKill == null && !unfit;
        verified = false;
        return message.sent;
    }

    private AgentEnd end(Message message, Optional<AgentEvent.Result> result) {
        return result.isEmpty() ? endWithout(message) : new AgentEnd(result, begun(message), false, complaint.text());
    }

    private AgentEnd endWithout(Message message) {
        finish();
        complaint.awaitEnd(GRACE);
        String why = givenUp ? "it did not answer within " + handshake.toSeconds() + " s. " : "";
        return new AgentEnd(Optional.empty(), begun(message), endedOutOfMemory(), why + complaint.text());
    }

    private AgentEnd brokenOff(Message message, CompletionException failure) {
        finish();
        switch (failure.getCause()) {
            case JacksonException cut -> {
                if (endedOutOfMemory()) {
                    // Killed in the middle of a line.
                    return endWithout(message);
                }
                throw new CloisterException(
                        ErrorCode.AGENT_FAILED,
                        "the agent printed a line that is not JSON; send the message again",
                        cut);
            }
            case RuntimeException own -> throw own;
            case null, default -> throw failure;
        }
    }

    private synchronized boolean begun(Message message) {
        return message.begun;
    }

    /** Waits for the process's end, unless it was cancelled: then nobody asks for the cause, and it may take its time. */
    private boolean endedOutOfMemory() {
        return !cancelled() && ended() instanceof ExitStatus.OutOfMemory;
    }

    private void checkSettings(AgentEvent.ControlResponse response) {
        JsonNode errors = response.response().path("errors");
        boolean clean = errors.isMissingNode() || errors.isNull() || errors.isEmpty();
        if (!response.success() || !clean) {
            throw refused("it reports errors");
        }
        if (!settings.equals(response.response().path("effective"))) {
            throw refused("effective settings differ");
        }
    }

    private void checkServers(AgentEvent.ControlResponse response) {
        JsonNode servers = response.response().path("mcpServers");
        if (!response.success() || !servers.isArray() || !servers.isEmpty()) {
            throw refused("it does not say that it has no servers of tools");
        }
    }

    private CloisterException refused(String why) {
        finish();
        return new CloisterException(
                ErrorCode.AGENT_FAILED,
                "the agent did not take its tool policy as given, so the message was not sent: " + why
                        + "; the operator should check policy.allow and policy.deny and the agent's version");
    }

    private void send(String line) throws IOException {
        OutputStream stdin = process.stdin();
        // Its own lock: whoever waits in a full pipe must not keep others from asking how things stand.
        synchronized (stdin) {
            stdin.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            stdin.flush();
        }
    }

    /** Nothing more will be sent: the agent ends when it is idle. */
    private void finish() {
        synchronized (this) {
            if (over) {
                return;
            }
            over = true;
        }
        try {
            process.stdin().close();
        } catch (IOException e) {
            // It has ended already.
            return;
        }
    }

    /** Whether it waits for a message and can be given one: it lives, and has done nothing but what it was asked for. */
    public synchronized boolean isFit() {
        return current == null && !over && !silent && !unfit && pendingKill == null && tasks.isEmpty();
    }

    /** Runs something when the agent has answered for the first time, or has ended without; now if it has. */
    void whenUp(Runnable action) {
        CompletableFuture<Void> ignored = up.thenRun(action);
    }

    /** Runs something, once, when the agent ends or becomes unfit while it has no message; now if it is so already. */
    void whenLost(Runnable action) {
        boolean lost;
        synchronized (this) {
            whenLost = action;
            lost = current == null && (silent || unfit);
        }
        if (lost) {
            action.run();
        }
    }

    /** How much memory it and all it started take now, in bytes; empty where the host cannot say. */
    OptionalLong memory() {
        return process.memory();
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
        platform("interrupt", () -> {
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

    private void giveUp() {
        givenUp = true;
        kill();
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
}
