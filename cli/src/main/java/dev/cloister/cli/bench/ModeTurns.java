package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;

/**
 * What turns take of the machine in each mode, on a server of its own with the real agent, the same message and an upstream that plays
 * scripts: the time until the model's first event, processor time of the tenant and of the server, and the memory of a tenant whose
 * agent waits for its next message, which it has as well while it works.
 */
final class ModeTurns {
    private static final String MESSAGE = "hello";

    /** Turns of a kept agent before: a JVM is several times slower at first. */
    private static final int WARM_UPS = 100;

    /** Where each takes so long, it is not the JVM that they wait for. */
    private static final Duration WARM_UPS_LAST = Duration.ofSeconds(30);

    /** Agents at the same time, of a tenant each: what they have in common they share. */
    private static final int WORKING = 4;

    private static final Duration SETTLE = Duration.ofSeconds(2);

    /** What a tenant used is written down a moment after its turn. */
    private static final Duration BOOKING = Duration.ofMillis(500);

    private final Map<String, String> isolation;
    private final String agent;
    private final int turns;
    private final Samples times;
    private final Map<String, String> leftOut;
    private final Consumer<String> progress;
    private final List<Figure> figures = new ArrayList<>();

    /**
     * @param isolation keys of the configuration that say how modes are
     * @param agent the agent's program
     * @param turns how many are timed
     * @param times gets what they took
     * @param leftOut gets what could not be measured
     */
    ModeTurns(
            Map<String, String> isolation,
            String agent,
            int turns,
            Samples times,
            Map<String, String> leftOut,
            Consumer<String> progress) {
        this.isolation = isolation;
        this.agent = agent;
        this.turns = turns;
        this.times = times;
        this.leftOut = leftOut;
        this.progress = progress;
    }

    List<Figure> figures() {
        return List.copyOf(figures);
    }

    void measure(String mode) throws IOException, InterruptedException {
        progress.accept("turns in " + mode + " mode");
        try (ScriptedHttp upstream = ScriptedHttp.start()) {
            HostMemory before;
            HostMemory.Since working;
            try (OwnServer server = OwnServer.start(keys(mode, upstream.url()), progress)) {
                warmUp(server);
                turns(mode, server);
                before = HostMemory.now();
                working = working(server, before);
                server.settle();
                figures.add(ModeFigure.SERVER.of(mode, server.rssMib()));
            }
            Pause.of(SETTLE);
            figures.add(ModeFigure.WORKING.of(mode, working.mib(HostMemory.now()) / WORKING));
        }
    }

    private Map<String, String> keys(String mode, String upstream) {
        Map<String, String> keys = new TreeMap<>(isolation);
        keys.put("isolation.mode", mode);
        keys.put("isolation.accept-weak", "true");
        keys.put("upstream.url", upstream);
        keys.put("identity.mode", "token");
        keys.put("identity.admission", "open");
        keys.put("agent.executable", agent);
        return keys;
    }

    private static void warmUp(OwnServer server) throws IOException, InterruptedException {
        try (CloisterTurns tenant = new CloisterTurns(server, "bench-warm-up")) {
            long end = System.nanoTime() + WARM_UPS_LAST.toNanos();
            String session = tenant.open();
            for (int i = 0; i < WARM_UPS && System.nanoTime() < end; i++) {
                tenant.turn(Optional.of(session), MESSAGE);
            }
            tenant.delete(session);
        }
    }

    private void turns(String mode, OwnServer server) throws IOException, InterruptedException {
        try (TurnClient client = new TurnClient("bench-turns");
                CloisterTurns tenant = new CloisterTurns(server, "bench-turns")) {
            TurnWay cold = tenant.cold();
            cold.turn(MESSAGE);
            cold.done();
            Pause.of(BOOKING);
            double usedBefore = used(server, client);
            double serverBefore = server.cpuMillis();
            for (int i = 0; i < turns; i++) {
                times.add(ModeTime.TURN.of(mode), cold.turn(MESSAGE).first());
                cold.done();
            }
            Pause.of(BOOKING);
            figures.add(ModeFigure.SERVER_CPU.of(mode, (server.cpuMillis() - serverBefore) / turns));
            double used = used(server, client) - usedBefore;
            if (used > 0) {
                figures.add(ModeFigure.TENANT_CPU.of(mode, used / turns));
            } else {
                leftOut.put(ModeFigure.TENANT_CPU.of(mode), "the mode does not count it on this host");
            }
        }
    }

    /** Milliseconds of processor time. */
    private static double used(OwnServer server, TurnClient client) throws IOException, InterruptedException {
        JsonNode usage = client.call("GET", server.uri().resolve("/v1/usage"), Optional.empty());
        return usage.path("sandbox").path("cpu_ms").asDouble();
    }

    private static HostMemory.Since working(OwnServer server, HostMemory before)
            throws IOException, InterruptedException {
        List<CloisterTurns> tenants = new ArrayList<>();
        try {
            for (int i = 0; i < WORKING; i++) {
                CloisterTurns tenant = new CloisterTurns(server, "bench-working-" + i);
                tenants.add(tenant);
                tenant.turn(Optional.of(tenant.open()), MESSAGE);
            }
            Pause.of(SETTLE);
            return before.since();
        } finally {
            tenants.forEach(CloisterTurns::close);
        }
    }
}
