package dev.cloister.core.metrics;

import dev.cloister.spi.Guarantee;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Every meter of the server, by name. No label ever holds a tenant, a path or a prompt. Thread-safe. */
public final class Metrics {
    private static final double NANOS_PER_SECOND = 1e9;

    private final MeterRegistry registry;
    private final AtomicInteger activeWorkspaces = new AtomicInteger();
    private final AtomicInteger activeTurns = new AtomicInteger();
    private final AtomicInteger activeExecs = new AtomicInteger();
    private final AtomicInteger openBrokers = new AtomicInteger();
    private final AtomicInteger idleAgents = new AtomicInteger();
    private final AtomicLong agentMemory = new AtomicLong();
    private final Counter oomKills;
    private final Counter pidsRefused;
    private final Counter throttled;
    private final Counter cpu;
    private final Counter egressIn;
    private final Counter egressOut;

    public Metrics(MeterRegistry registry) {
        this.registry = registry;
        gauge("workspaces_active", "tenants with a process running now", activeWorkspaces);
        gauge("turns_active", "turns running now", activeTurns);
        gauge("execs_active", "commands running now", activeExecs);
        gauge("broker_sockets_open", "sessions with a broker socket now", openBrokers);
        gauge("agents_idle", "agents that wait for their session's next turn", idleAgents);
        gauge("agents_memory_bytes", "memory of all agents and what they started, as last measured", agentMemory);
        oomKills = counter("sandbox_oom_kills", "processes killed because their tenant's memory limit was reached");
        pidsRefused = counter("sandbox_pids_refused", "processes not started because their tenant had too many");
        throttled =
                counter("sandbox_throttled_seconds", "time in which tenants were held back by their processor limit");
        cpu = counter("sandbox_cpu_seconds", "processor time of all tenants' processes");
        egressIn = counter("egress_bytes_in", "bytes of bodies and tunnels from the network to sandboxes");
        egressOut = counter("egress_bytes_out", "bytes of bodies and tunnels from sandboxes to the network");
    }

    private Counter counter(String name, String what) {
        return Counter.builder(name).description(what).register(registry);
    }

    private void gauge(String name, String what, Number value) {
        Gauge.builder(name, value, Number::doubleValue).description(what).register(registry);
    }

    public AtomicInteger activeWorkspaces() {
        return activeWorkspaces;
    }

    public AtomicInteger activeTurns() {
        return activeTurns;
    }

    public AtomicInteger activeExecs() {
        return activeExecs;
    }

    public AtomicInteger openBrokers() {
        return openBrokers;
    }

    public AtomicInteger idleAgents() {
        return idleAgents;
    }

    /** @param bytes of all agents together */
    public void agentMemory(long bytes) {
        agentMemory.set(bytes);
    }

    /** @param how {@code kept} from an earlier turn, {@code ahead} of the first, or {@code cold} */
    public void agentStart(String how) {
        Counter.builder("agent_starts")
                .description("agents started, and turns that found one: kept from an earlier turn or started ahead")
                .tag("how", how)
                .register(registry)
                .increment();
    }

    /** @param why {@code idle}, {@code full}, {@code memory}, {@code lost}, {@code unfit}, {@code forgotten} or {@code closing} */
    public void agentEnd(String why) {
        Counter.builder("agent_ends")
                .description("agents ended, by why they were not kept")
                .tag("why", why)
                .register(registry)
                .increment();
    }

    /** Registers the violation counters of a mode at zero, so that their absence is not read as silence. */
    public void declareViolations(String mode) {
        for (Guarantee guarantee : Guarantee.values()) {
            violationCounter(guarantee, mode);
        }
    }

    public void violation(Guarantee guarantee, String mode) {
        violationCounter(guarantee, mode).increment();
    }

    private Counter violationCounter(Guarantee guarantee, String mode) {
        return Counter.builder("isolation_violations")
                .description("observed attempts against a guarantee, and guarantees found broken")
                .tag("guarantee", guarantee.name())
                .tag("mode", mode)
                .register(registry);
    }

    /** @param outcome {@code completed}, {@code cancelled} or an error code's name in lower case */
    public void turn(String outcome, Duration took) {
        Timer.builder("turn_duration")
                .description("time from a turn's start to its outcome")
                .tag("outcome", outcome)
                .register(registry)
                .record(took);
    }

    public void firstEvent(Duration took) {
        Timer.builder("turn_first_event")
                .description("time from a turn's start to the first event for the client")
                .publishPercentiles(0.5, 0.95, 0.99)
                .register(registry)
                .record(took);
    }

    public void exec(String status, Duration took) {
        Timer.builder("exec_duration")
                .description("time from a command's start to its end")
                .tag("status", status)
                .register(registry)
                .record(took);
    }

    /** What the processes of any sandbox used since they were last asked. */
    public void sandboxUsed(Duration processor, Duration heldBack, long killed, long refused) {
        cpu.increment((double) processor.toNanos() / NANOS_PER_SECOND);
        throttled.increment((double) heldBack.toNanos() / NANOS_PER_SECOND);
        oomKills.increment((double) killed);
        pidsRefused.increment((double) refused);
    }

    /** @param kind {@code input}, {@code output}, {@code cache_write} or {@code cache_read} */
    public void tokens(String kind, long count) {
        Counter.builder("tokens")
                .description("tokens metered by the broker")
                .tag("kind", kind)
                .register(registry)
                .increment(count);
    }

    public void brokerRequest(int status, Duration took) {
        Timer.builder("broker_request_duration")
                .description("model calls through the broker, to the end of the answer")
                .tag("status", Integer.toString(status))
                .register(registry)
                .record(took);
    }

    public void brokerRefusal(String reason) {
        Counter.builder("broker_refusals")
                .description("model calls the broker refused")
                .tag("reason", reason)
                .register(registry)
                .increment();
    }

    /** @param outcome {@code listed}, {@code observed} (by the mode alone), or why it did not go through */
    public void egressRequest(String outcome) {
        Counter.builder("egress_requests")
                .description("tunnels and plain requests that sandboxes asked the egress proxy for")
                .tag("outcome", outcome)
                .register(registry)
                .increment();
    }

    /** @param in towards sandboxes */
    public void egressBytes(long in, long out) {
        egressIn.increment((double) in);
        egressOut.increment((double) out);
    }

    /** Events waiting for a slow client, seen whenever one is added. */
    public void queueDepth(int depth) {
        DistributionSummary.builder("turn_queue_depth")
                .description("events waiting to be sent to a client")
                .register(registry)
                .record(depth);
    }
}
