package dev.cloister.core.turn;

import dev.cloister.core.agent.AgentEnd;
import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.agent.AgentStart;
import dev.cloister.core.agent.Agents;
import dev.cloister.core.agent.Conversation;
import dev.cloister.core.agent.LiveAgent;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.flow.Outbox;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.session.EventLogs;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageTotals;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationException;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * A turn on its own platform thread, which has an agent, leads it to its result and gives it back. What the client is
 * to see goes through a bounded queue: a client that reads slowly slows the agent down, and costs no memory.
 */
final class RunningTurn implements Turn {
    private static final Logger log = LoggerFactory.getLogger(RunningTurn.class);
    private static final int QUEUED_EVENTS = 256;

    private final TurnService.Parts parts;
    private final TurnRequest request;
    private final Session session;
    private final String model;
    private final Agents.Place place;
    private final Consumer<RunningTurn> whenGone;
    private final MessageAssembler assembler;
    private final EventLogs.Appender events;
    private final Outbox<Item> outbox = new Outbox<>(QUEUED_EVENTS);
    private final AtomicBoolean booked = new AtomicBoolean();
    private final CompletableFuture<Void> gone = new CompletableFuture<>();
    private final long startedAt = System.nanoTime();
    private @Nullable LiveAgent agent;
    private @Nullable String cancelled;
    private boolean timedOut;
    private boolean firstEventSeen;
    /** How the agent would not begin. */
    private final Set<Conversation> refused = new HashSet<>();

    private volatile @Nullable TurnOutcome outcome;

    private sealed interface Item {
        record Event(SessionEvent event) implements Item {}

        record Over(TurnOutcome outcome) implements Item {}
    }

    RunningTurn(
            TurnService.Parts parts,
            TurnRequest request,
            Session session,
            String model,
            Agents.Place place,
            Consumer<RunningTurn> whenGone) {
        this.parts = parts;
        this.request = request;
        this.session = session;
        this.model = model;
        this.place = place;
        this.whenGone = whenGone;
        this.assembler = new MessageAssembler(
                "msg_" + UUID.randomUUID().toString().replace("-", "").substring(0, 24), model);
        this.events = parts.events().appender(session.id());
    }

    /** @param finishing runs when the outcome is known, while the processes still end */
    void begin(Runnable finishing) {
        parts.metrics().activeTurns().incrementAndGet();
        Map<String, String> context = MDC.getCopyOfContextMap();
        Thread.ofPlatform().daemon(true).name("turn-" + session.id()).start(() -> {
            if (context != null) {
                MDC.setContextMap(context);
            }
            drive(finishing);
        });
    }

    private void drive(Runnable finishing) {
        ScheduledFuture<?> timeout = parts.timer()
                .schedule(
                        () -> {
                            synchronized (this) {
                                timedOut = true;
                            }
                            cancel("timed out");
                        },
                        parts.turnTimeout().toMillis(),
                        TimeUnit.MILLISECONDS);
        try (Sandboxes.Use use = parts.sandboxes().use(request.principal().tenant())) {
            TurnOutcome result = attempt(Conversation.of(session), finishing);
            log.debug("turn gone: {}", name(result));
        } catch (IsolationException e) {
            over(
                    new TurnOutcome.Failed(new CloisterException(
                            ErrorCode.ISOLATION_FAILED, "the agent was not started: " + e.getMessage(), e)),
                    finishing);
        } catch (CloisterException e) {
            boolean unwanted = e.code() == ErrorCode.CLIENT_GONE && reason().isPresent();
            over(unwanted ? unwanted() : new TurnOutcome.Failed(e), finishing);
        } catch (RuntimeException e) {
            log.error("a turn failed unexpectedly", e);
            over(
                    new TurnOutcome.Failed(new CloisterException(
                            ErrorCode.INTERNAL, "the turn failed inside the server; its log says why", e)),
                    finishing);
        } finally {
            timeout.cancel(false);
            end();
        }
    }

    private void end() {
        try {
            place.close();
        } catch (RuntimeException e) {
            log.error("the agent of a turn could not be given back", e);
        } finally {
            parts.metrics().activeTurns().decrementAndGet();
            whenGone.accept(this);
            gone.complete(null);
        }
    }

    /** Runs the agent once; again if one that was kept had ended meanwhile, or if its transcript is not as the store has it. */
    private TurnOutcome attempt(Conversation conversation, Runnable finishing) {
        LiveAgent started = place.start(
                new AgentStart(
                        conversation,
                        model,
                        request.system().orElse(session.system()),
                        request.principal().upstreamCredential().kind()),
                this::requireWanted);
        if (!adopt(started)) {
            started.cancel();
            return over(unwanted(), finishing);
        }
        AgentEnd end = place.run(
                new BrokerTurn(List.of(model), request.principal().upstreamCredential(), parts.upstream()),
                UserMessage.content(request, session),
                this::see);
        Optional<Conversation> other = reason().isPresent() ? Optional.empty() : insteadOf(conversation, end);
        if (other.isEmpty()) {
            return over(settled(end), finishing);
        }
        place.discard();
        return attempt(other.get(), finishing);
    }

    /** What came of it, once what the agent wrote stays whatever happens: the client is about to take it for done. */
    private TurnOutcome settled(AgentEnd end) {
        try {
            if (end.result().isPresent()) {
                place.settle();
            }
            return conclude(end);
        } catch (IsolationException e) {
            return new TurnOutcome.Failed(
                    new CloisterException(ErrorCode.ISOLATION_FAILED, String.valueOf(e.getMessage()), e));
        }
    }

    private Optional<Conversation> insteadOf(Conversation conversation, AgentEnd end) {
        if (place.kept() && !end.begun()) {
            return Optional.of(conversation);
        }
        Optional<Conversation> other = contrary(conversation, end);
        if (!refused.add(conversation)) {
            return Optional.empty();
        }
        if (other.isEmpty() || !refused.contains(other.get())) {
            return other;
        }
        // There is a transcript, and no conversation in it: whatever the agent ran in was lost while it was written.
        log.warn("the agent cannot read its transcript of session {}, which is kept under another name", session.id());
        return parts.transcripts().setAside(request.principal().tenant(), session.id())
                ? Optional.of(new Conversation.Fresh(session.id()))
                : Optional.empty();
    }

    /** The server can die between the agent's first write and its own; then one of them is ahead of the other. */
    private static Optional<Conversation> contrary(Conversation conversation, AgentEnd end) {
        if (conversation instanceof Conversation.Resumed(SessionId id)
                && end.complaint().contains("No conversation found")) {
            return Optional.of(new Conversation.Fresh(id));
        }
        if (conversation instanceof Conversation.Fresh(SessionId id)
                && end.complaint().contains("already in use")) {
            return Optional.of(new Conversation.Resumed(id));
        }
        return Optional.empty();
    }

    /** Whether the agent is still wanted. */
    private synchronized boolean adopt(LiveAgent started) {
        agent = started;
        return cancelled == null;
    }

    private void requireWanted() {
        if (reason().isPresent()) {
            throw new CloisterException(ErrorCode.CLIENT_GONE, "cancelled before its agent was started");
        }
    }

    /** How a turn ends that was cancelled before it had its message on the way. */
    private TurnOutcome unwanted() {
        return timedOut()
                ? TurnConclusion.timedOut(parts.turnTimeout())
                : new TurnOutcome.Cancelled(reason().orElse("cancelled"));
    }

    private synchronized Optional<String> reason() {
        return Optional.ofNullable(cancelled);
    }

    private synchronized boolean timedOut() {
        return timedOut;
    }

    private void see(AgentEvent event) {
        if (event instanceof AgentEvent.Init init) {
            checkInit(init);
            if (!session.started()) {
                // Only once: the transaction waits for the disk, and the client for its first event.
                parts.store().updateSession(tenant(), session.id(), RunningTurn::started);
            }
        }
        assembler.accept(event).forEach(this::send);
    }

    /** What the agent says of itself must be what it was told; a workspace may have found a way to change it. */
    private void checkInit(AgentEvent.Init init) {
        if (!init.permissionMode().equals("dontAsk") || !init.mcpServers().isEmpty()) {
            parts.violations()
                    .observed(
                            tenant(),
                            Guarantee.TOOL_POLICY_ENFORCED,
                            "the agent started with other rules than it was given",
                            Map.of("session", session.id().toString()));
            throw new CloisterException(
                    ErrorCode.AGENT_FAILED, "the agent started with other rules than it was given, and was stopped");
        }
    }

    private static Session started(Session session) {
        return new Session(
                session.id(),
                session.tenant(),
                session.title(),
                session.model(),
                session.system(),
                session.forkedFrom(),
                true,
                session.turns(),
                session.createdAt(),
                session.updatedAt());
    }

    private TurnOutcome conclude(AgentEnd end) {
        end.result().ifPresent(result -> assembler.denied(result.denials()).forEach(this::send));
        UsageTotals used = place.channel().used();
        if (timedOut()) {
            return TurnConclusion.timedOut(parts.turnTimeout());
        }
        return reason().<TurnOutcome>map(TurnOutcome.Cancelled::new)
                .orElseGet(() -> TurnConclusion.of(end, place.channel().lastFailure(), assembler, used, this::send));
    }

    private void send(MessageAssembler.Outgoing outgoing) {
        if (outgoing.type().equals(MessageAssembler.DENIED)) {
            parts.violations()
                    .observed(
                            tenant(),
                            Guarantee.TOOL_POLICY_ENFORCED,
                            "the agent called a tool that its policy refuses",
                            Map.of("session", session.id().toString()));
        }
        SessionEvent event = events.append(outgoing.type(), outgoing.data());
        if (!firstEventSeen) {
            firstEventSeen = true;
            parts.metrics().firstEvent(Duration.ofNanos(System.nanoTime() - startedAt));
        }
        outbox.put(new Item.Event(event));
        parts.metrics().queueDepth(outbox.size());
    }

    /** Books the outcome, once and here only, and hands it to the client. */
    private TurnOutcome over(TurnOutcome result, Runnable finishing) {
        if (!booked.compareAndSet(false, true)) {
            // Taking the agent away failed after its outcome was known.
            return result;
        }
        finishing.run();
        Duration took = Duration.ofNanos(System.nanoTime() - startedAt);
        String name = name(result);
        parts.metrics().turn(name, took);
        parts.store().updateSession(tenant(), session.id(), this::counted);
        if (!(result instanceof TurnOutcome.Completed)) {
            events.append("agent.turn_ended", "{\"type\":\"agent.turn_ended\",\"outcome\":\"" + name + "\"}");
        }
        Map<String, Object> detail = new LinkedHashMap<>();
        detail.put("session", session.id().toString());
        detail.put("request_id", request.requestId());
        detail.put("model", model);
        detail.put("duration_ms", took.toMillis());
        if (result instanceof TurnOutcome.Failed(CloisterException error)) {
            detail.put("error", error.code().name());
        }
        parts.audit().record(tenant().value(), "turn." + verb(result), detail);
        outbox.put(new Item.Over(result));
        return result;
    }

    private Session counted(Session before) {
        return new Session(
                before.id(),
                before.tenant(),
                before.title(),
                model,
                request.system().orElse(before.system()),
                before.forkedFrom(),
                before.started(),
                before.turns() + 1,
                before.createdAt(),
                parts.clock().millis());
    }

    private static String verb(TurnOutcome outcome) {
        return switch (outcome) {
            case TurnOutcome.Completed completed -> "completed";
            case TurnOutcome.Cancelled cancelled -> "cancelled";
            case TurnOutcome.Failed failed -> "failed";
        };
    }

    private static String name(TurnOutcome outcome) {
        return outcome instanceof TurnOutcome.Failed(CloisterException error)
                ? error.code().name().toLowerCase(Locale.ROOT)
                : verb(outcome);
    }

    TenantId tenant() {
        return request.principal().tenant().id();
    }

    @Override
    public SessionId session() {
        return session.id();
    }

    @Override
    public Optional<SessionEvent> poll(Duration timeout) throws InterruptedException {
        if (outcome != null) {
            return Optional.empty();
        }
        return switch (outbox.poll(timeout)) {
            case null -> Optional.empty();
            case Item.Event event -> Optional.of(event.event());
            case Item.Over over -> {
                outcome = over.outcome();
                yield Optional.empty();
            }
        };
    }

    @Override
    public Optional<TurnOutcome> outcome() {
        return Optional.ofNullable(outcome);
    }

    @Override
    public void cancel(String reason) {
        LiveAgent started;
        synchronized (this) {
            if (cancelled == null) {
                cancelled = reason;
            }
            started = agent;
        }
        if (started != null) {
            started.cancel();
        }
    }

    @Override
    public void close() {
        if (outcome != null) {
            return;
        }
        cancel("closed");
        outbox.abandon();
        awaitGone();
    }

    /** Whether the outcome is known; its processes may still be ending. */
    boolean isOver() {
        return booked.get();
    }

    void awaitGone() {
        gone.join();
    }
}
