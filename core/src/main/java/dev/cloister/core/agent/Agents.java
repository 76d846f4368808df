package dev.cloister.core.agent;

import dev.cloister.core.broker.BrokerChannel;
import dev.cloister.core.broker.BrokerSession;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.flow.Rounds;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SequencedSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ArrayNode;

/**
 * All agents that live: those that work, those kept between the turns of their session, and those started ahead of its first.
 * An agent that is kept makes the next turn begin at once, and nothing depends on it: the session is on disk, and whatever
 * ends the agent, the next turn starts another. Thread-safe.
 *
 * <p>Together they take no more memory than their budget, as measured: for one more, those are ended first whose last turn is
 * the longest ago, and if that is not enough none is started. At most one lives for each session; that turns of a session
 * come one at a time is the caller's affair.
 */
public final class Agents implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Agents.class);
    private static final Duration RETRY = Duration.ofSeconds(5);
    private static final Duration MEASURED_EVERY = Duration.ofSeconds(5);
    private static final Duration START_PATIENCE = Duration.ofHours(1);

    /**
     * @param idleTimeout how long an agent is kept for another turn; zero: not at all
     * @param idlePerTenant how many of a tenant are kept at most
     * @param memoryBudget bytes that all together may take
     * @param starts how many start at once: a start takes a processor for a second, and of many that begin together none is
     *     ready before the last
     */
    public record Limits(Duration idleTimeout, int idlePerTenant, long memoryBudget, int starts) {}

    private enum Phase {
        /** Counted, and perhaps not started yet. */
        BUSY,
        IDLE,
        /** On its way out; its session has to wait for that. */
        LEAVING
    }

    private final Sandboxes sandboxes;
    private final AgentLauncher launcher;
    private final Limits limits;
    private final LongSupplier available;
    private final Metrics metrics;
    private final ScheduledExecutorService timer;
    private final Rounds measuring;
    /** The right to start; who waits for it has the right to a turn already, so there is room for all. */
    private final Quota starts;

    private final Map<SessionId, Member> members = new HashMap<>();
    /** The one whose turn is the longest ago first. */
    private final SequencedSet<Member> idle = new LinkedHashSet<>();

    private long expected;
    private boolean closed;

    private static final class Member {
        final Tenant tenant;
        final SessionId session;
        final CompletableFuture<Void> gone = new CompletableFuture<>();
        Phase phase = Phase.BUSY;
        long memory;
        boolean measured;
        volatile @Nullable Running running;
        /** While it is being started ahead of a turn. */
        @Nullable
        AgentStart ahead;

        @Nullable
        ScheduledFuture<?> expiry;

        Member(Tenant tenant, SessionId session, long memory) {
            this.tenant = tenant;
            this.session = session;
            this.memory = memory;
        }
    }

    /** A process and what it holds. */
    private record Running(
            AgentStart start, Map<String, String> surroundings, Sandboxes.Use use, AgentLauncher.Started started)
            implements AutoCloseable {
        /** Whether starting an agent so, now, would give the same. */
        boolean meets(AgentStart wanted) {
            return wanted.isMetBy(start)
                    && use.surroundings().equals(surroundings)
                    && started.agent().isFit();
        }

        @Override
        public void close() {
            try {
                started.close();
            } finally {
                use.close();
            }
        }
    }

    /** @param available how many bytes of memory the host could give now without swapping */
    public Agents(
            Sandboxes sandboxes,
            AgentLauncher launcher,
            Limits limits,
            LongSupplier available,
            Metrics metrics,
            ScheduledExecutorService timer) {
        this.sandboxes = sandboxes;
        this.launcher = launcher;
        this.limits = limits;
        this.available = available;
        this.metrics = metrics;
        this.timer = timer;
        this.starts = new Quota(
                "agent starts",
                limits.starts(),
                limits.starts(),
                new Quota.Queue(Integer.MAX_VALUE, Integer.MAX_VALUE, START_PATIENCE));
        this.measuring = Rounds.start("agent-memory", MEASURED_EVERY, this::measure);
    }

    /** How much memory an agent is taken to need as long as none was measured. */
    public synchronized void expect(long bytes) {
        expected = bytes;
    }

    /**
     * Makes room for the agent of a session's turn. Ends others that wait, if it must.
     *
     * @throws CloisterException OVERLOADED if there is no memory for one more
     */
    public Place admit(Tenant tenant, SessionId session) {
        while (true) {
            @Nullable Member victim;
            synchronized (this) {
                @Nullable Member known = started(session);
                if (known != null && known.phase == Phase.IDLE) {
                    return new Place(busy(known));
                }
                if (known != null) {
                    victim = known;
                } else if (hasRoom()) {
                    Member member = new Member(tenant, session, estimate());
                    members.put(session, member);
                    return new Place(member);
                } else if (idle.isEmpty()) {
                    throw new CloisterException(
                            ErrorCode.OVERLOADED,
                            "the server has no memory for another agent; try again soon. The operator can raise"
                                    + " agent.memory-budget, or give the machine more",
                            RETRY,
                            null);
                } else {
                    victim = idle.getFirst();
                    leave(victim);
                }
            }
            if (victim.session.equals(session)) {
                victim.gone.join();
            } else {
                end(victim, "memory");
            }
        }
    }

    /** The session's agent, if it has one: as soon as it is not being started ahead of the very turn that asks. */
    private synchronized @Nullable Member started(SessionId session) {
        while (true) {
            @Nullable Member known = members.get(session);
            if (known == null || known.ahead == null) {
                return known;
            }
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CloisterException(
                        ErrorCode.CLIENT_GONE, "interrupted while waiting for the session's agent", e);
            }
        }
    }

    private Member busy(Member member) {
        waitsNoMore(member, Phase.BUSY);
        return member;
    }

    private void waitsNoMore(Member member, Phase next) {
        idle.remove(member);
        member.phase = next;
        if (member.expiry != null) {
            member.expiry.cancel(false);
            member.expiry = null;
        }
        showIdle();
    }

    private boolean hasRoom() {
        long more = estimate();
        long taken =
                members.values().stream().mapToLong(member -> member.memory).sum();
        return taken + more <= limits.memoryBudget() && available.getAsLong() >= more;
    }

    private long estimate() {
        return (long) members.values().stream()
                .filter(member -> member.measured)
                .mapToLong(member -> member.memory)
                .average()
                .orElse(expected);
    }

    /** Room for the agent of one turn, and then the agent. Closing keeps it for the next turn, or ends it. Idempotent. */
    public final class Place implements AutoCloseable {
        private final Member member;
        private boolean kept;
        private boolean left;

        private Place(Member member) {
            this.member = member;
        }

        /**
         * Takes the agent that was kept for the session, if it is as this start would make it and has nothing to do;
         * otherwise ends that and starts one, when it is its tenant's turn to start one.
         *
         * @param stillWanted is asked now and then while others start; what it throws ends the waiting
         * @throws dev.cloister.spi.IsolationException if it could not be started with every layer in place
         */
        public LiveAgent start(AgentStart start, Runnable stillWanted) {
            @Nullable Running before = member.running;
            if (before != null) {
                if (before.meets(start)) {
                    kept = true;
                    metrics.agentStart("kept");
                    return before.started().agent();
                }
                discard();
            }
            kept = false;
            metrics.agentStart("cold");
            return launch(member, start, stillWanted).started().agent();
        }

        /** Whether the agent was there before. */
        public boolean kept() {
            return kept;
        }

        /** Runs a turn of the agent that was started; see {@link LiveAgent#run}. */
        public AgentEnd run(BrokerTurn turn, ArrayNode content, Consumer<AgentEvent> events) {
            return running().started().run(turn, content, events);
        }

        /** Returns when what the agent has written outlives what it runs in; see {@link dev.cloister.spi.Sandbox#settle}. */
        public void settle() {
            running().use().sandbox().settle();
        }

        public BrokerChannel channel() {
            return running().started().channel();
        }

        private Running running() {
            if (member.running == null) {
                throw new IllegalStateException("no agent was started");
            }
            return member.running;
        }

        /** Ends the agent and returns when it is gone. The place stays. */
        public void discard() {
            Running running = member.running;
            member.running = null;
            if (running != null) {
                running.close();
            }
        }

        @Override
        public void close() {
            if (!left) {
                left = true;
                giveBack(member);
            }
        }
    }

    private Running launch(Member member, AgentStart start, Runnable stillWanted) {
        Quota.Permit permit = starts.take(member.tenant.id(), stillWanted);
        try {
            checkOpen();
            Running running = launch(member, start);
            running.started().agent().whenUp(permit::close);
            return running;
        } catch (RuntimeException e) {
            permit.close();
            throw e;
        }
    }

    private Running launch(Member member, AgentStart start) {
        Sandboxes.Use use = sandboxes.use(member.tenant);
        try {
            Running running = new Running(
                    start,
                    use.surroundings(),
                    use,
                    launcher.start(use.sandbox(), new BrokerSession(member.tenant.id(), member.session), start));
            member.running = running;
            return running;
        } catch (RuntimeException e) {
            use.close();
            throw e;
        }
    }

    private void giveBack(Member member) {
        @Nullable Running running = member.running;
        if (running == null
                || limits.idleTimeout().isZero()
                || !isFit(running.started().agent(), member.session)) {
            leave(member);
            end(member, running == null ? "" : "unfit");
            return;
        }
        if (!isMeasured(member)) {
            // Later ones are the rounds' affair: the next turn's client waits for the end of this.
            measure(member);
        }
        List<Member> excess;
        synchronized (this) {
            if (closed) {
                leave(member);
                excess = List.of(member);
            } else {
                member.ahead = null;
                member.phase = Phase.IDLE;
                idle.addLast(member);
                member.expiry = timer.schedule(
                        () -> evict(member, "idle"), limits.idleTimeout().toMillis(), TimeUnit.MILLISECONDS);
                excess = excess();
                showIdle();
                notifyAll();
            }
        }
        running.started().agent().whenLost(() -> evict(member, "lost"));
        excess.forEach(one -> end(one, "full"));
    }

    /** Whether it can be given another message. Its settings are read back now, so that nobody waits for it then. */
    private static boolean isFit(LiveAgent agent, SessionId session) {
        if (!agent.isFit()) {
            return false;
        }
        try {
            agent.verify();
            return agent.isFit();
        } catch (CloisterException e) {
            log.error("the agent of session {} is not kept: {}", session, e.getMessage());
            return false;
        }
    }

    /** Those to be ended so that what is idle keeps within its bounds; they are leaving then. */
    private List<Member> excess() {
        List<Member> found = new ArrayList<>();
        Map<TenantId, Integer> counts = new HashMap<>();
        for (Member member : idle.reversed()) {
            if (counts.merge(member.tenant.id(), 1, Integer::sum) > limits.idlePerTenant()) {
                found.add(member);
            }
        }
        found.forEach(this::leave);
        while (!idle.isEmpty()
                && members.values().stream()
                                .filter(member -> member.phase != Phase.LEAVING)
                                .mapToLong(member -> member.memory)
                                .sum()
                        > limits.memoryBudget()) {
            Member oldest = idle.getFirst();
            leave(oldest);
            found.add(oldest);
        }
        return found;
    }

    /** Ends an agent that waits, on a thread of its own; one that has been given something to do since stays. */
    private void evict(Member member, String why) {
        synchronized (this) {
            if (member.phase != Phase.IDLE) {
                return;
            }
            leave(member);
        }
        endAside(member, why);
    }

    private void endAside(Member member, String why) {
        Thread.ofVirtual().name("agent-evict-" + member.session).start(() -> end(member, why));
    }

    private synchronized void leave(Member member) {
        member.ahead = null;
        waitsNoMore(member, Phase.LEAVING);
        notifyAll();
    }

    private void end(Member member, String why) {
        try {
            @Nullable Running running = member.running;
            member.running = null;
            if (running != null) {
                metrics.agentEnd(why);
                running.close();
            }
        } catch (RuntimeException e) {
            log.error("an agent of session {} could not be taken away", member.session, e);
        } finally {
            synchronized (this) {
                members.remove(member.session, member);
            }
            member.gone.complete(null);
        }
    }

    /**
     * Makes room for an agent that is started ahead of a session's first turn, if there is some without ending another. A turn
     * of the session that comes meanwhile waits for that. What goes wrong shows at the turn, which tries again.
     *
     * @return what starts it, to be run in any case; empty: there is no room
     */
    public Optional<Runnable> ahead(Tenant tenant, AgentStart start) {
        SessionId session = start.conversation().id();
        Member member;
        synchronized (this) {
            if (closed || limits.idleTimeout().isZero() || members.containsKey(session) || !hasRoom()) {
                return Optional.empty();
            }
            member = new Member(tenant, session, estimate());
            member.ahead = start;
            members.put(session, member);
        }
        return Optional.of(() -> startAhead(member, start));
    }

    private void startAhead(Member member, AgentStart start) {
        try {
            launch(member, start, this::checkOpen);
            metrics.agentStart("ahead");
        } catch (RuntimeException e) {
            log.warn("an agent could not be started ahead of session {}: {}", member.session, e.getMessage());
        }
        giveBack(member);
    }

    private synchronized void checkOpen() {
        if (closed) {
            throw new CloisterException(ErrorCode.NOT_READY, "the server is stopping; try again when it is back");
        }
    }

    /** Whether an agent waits for a turn of that session that is started so, or is being started so ahead of it. */
    public synchronized boolean waits(AgentStart start) {
        @Nullable Member member = members.get(start.conversation().id());
        if (member == null) {
            return false;
        }
        @Nullable AgentStart ahead = member.ahead;
        @Nullable Running running = member.running;
        return ahead != null
                ? start.isMetBy(ahead)
                : member.phase == Phase.IDLE && running != null && start.isMetBy(running.start());
    }

    /**
     * Ends the agent that waits for a turn of a session, or is being started ahead of one, and returns when it is gone. The
     * caller sees to it that no turn of the session runs.
     */
    public void forget(SessionId session) {
        @Nullable Member member;
        Phase phase;
        synchronized (this) {
            member = started(session);
            phase = member == null ? Phase.BUSY : member.phase;
            if (member != null && phase == Phase.IDLE) {
                leave(member);
            }
        }
        if (member == null) {
            return;
        }
        switch (phase) {
            case BUSY -> {}
            case IDLE -> end(member, "forgotten");
            case LEAVING -> member.gone.join();
        }
    }

    private void measure() {
        List<Member> all;
        synchronized (this) {
            all = List.copyOf(members.values());
        }
        all.forEach(this::measure);
        List<Member> excess;
        synchronized (this) {
            excess = excess();
            metrics.agentMemory(
                    members.values().stream().mapToLong(member -> member.memory).sum());
        }
        excess.forEach(member -> endAside(member, "memory"));
    }

    private synchronized boolean isMeasured(Member member) {
        return member.measured;
    }

    private void measure(Member member) {
        @Nullable Running running = member.running;
        OptionalLong memory = running == null
                ? OptionalLong.empty()
                : running.started().agent().memory();
        synchronized (this) {
            memory.ifPresent(bytes -> {
                member.memory = bytes;
                member.measured = true;
            });
        }
    }

    private void showIdle() {
        metrics.idleAgents().set(idle.size());
    }

    /**
     * Ends all that wait, and returns when those are gone, too, that were being started ahead of a turn. Those that work are
     * their turns' affair, which have to be over.
     */
    @Override
    public void close() {
        measuring.close();
        List<Member> waiting;
        List<Member> starting;
        synchronized (this) {
            closed = true;
            starting = members.values().stream()
                    .filter(member -> member.ahead != null)
                    .toList();
            waiting = List.copyOf(idle);
            waiting.forEach(this::leave);
        }
        List<Thread> ending = waiting.stream()
                .map(member -> Thread.ofVirtual().start(() -> end(member, "closing")))
                .toList();
        try {
            for (Thread thread : ending) {
                thread.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        starting.forEach(member -> member.gone.join());
    }
}
