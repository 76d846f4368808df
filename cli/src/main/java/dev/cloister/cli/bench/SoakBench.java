package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.bench.SoakTally.Count;
import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.core.audit.AuditVerdict;
import dev.cloister.core.audit.AuditVerifier;
import dev.cloister.core.store.Store;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Clients of several tenants that do what clients do, at random, for a long time, and what comes to them: turns in new and old
 * sessions, commands, cancels, connections that break, agents that are killed, and agents that have to go for others. Every
 * answer is checked, and that a session knows all that was answered in it. On a server of its own, with the real agent and no
 * model.
 */
public final class SoakBench {
    private static final int TENANTS = 3;
    private static final int CLIENTS_EACH = 2;
    private static final double MOST_GROWTH = 1.1;
    private static final Duration SAMPLED = Duration.ofSeconds(10);

    /** Fewer make no trend. */
    private static final int LEAST_SAMPLES = 40;

    private static final Duration KILLED_EVERY = Duration.ofSeconds(6);
    private static final int LEAST_KILLS = 4;
    private static final Duration IDLE = Duration.ofSeconds(5);
    private static final Duration REST = IDLE.plusSeconds(30);
    private static final int EIGHTHS = 8;
    private static final int MOST_LOG = 20;
    private static final Pattern AGENTS = Pattern.compile("agent_(start|end)s_total\\{(?:how|why)=\"([a-z]*)\"}");

    /** Small, so that agents have to go all the time. */
    private static final Map<String, String> LIMITS = Map.of(
            "agent.idle-timeout", IDLE.toSeconds() + "s",
            "agent.idle-per-tenant", "2",
            "agent.memory-budget", "896MiB",
            "agent.prewarm", "session",
            "limits.turns", "5",
            "limits.turns-per-tenant", "4",
            "limits.queue-time", "60s");

    private final Duration time;
    private final int seed;
    private final Consumer<String> progress;
    private final SoakTally tally;
    private final List<Double> sizes = new ArrayList<>();

    private SoakBench(Duration time, int seed, Consumer<String> progress) {
        this.time = time;
        this.seed = seed;
        this.progress = progress;
        this.tally = new SoakTally(progress);
    }

    /**
     * Leaves nothing behind.
     *
     * @param time how long clients are at work, before all is checked
     * @param seed of everything that is drawn
     * @param progress gets a line for each failure, and now and then how it stands
     */
    public static BenchReport run(Duration time, int seed, Consumer<String> progress)
            throws IOException, InterruptedException {
        return new SoakBench(time, seed, progress).measure();
    }

    private BenchReport measure() throws IOException, InterruptedException {
        progress.accept("the seed is " + seed);
        List<Double> loadBefore = Machine.load();
        try (SoakUpstream upstream = SoakUpstream.start();
                OwnServer server = OwnServer.start(options(upstream), progress)) {
            try (SessionClient client = new SessionClient(server.uri())) {
                work(server, client, upstream);
            }
            Map<String, Double> metrics = server.metrics();
            Leftovers leftovers = new Leftovers(server);
            progress.accept("waiting until nothing runs");
            leftovers.whileItRuns(REST);
            leftovers.afterItStopped();
            List<String> log = server.log();
            log.stream().limit(MOST_LOG).forEach(line -> progress.accept("server: " + line));
            return report(
                    Machine.of(HostFacts.host(0, Path.of(System.getProperty("java.io.tmpdir"))), loadBefore),
                    metrics,
                    leftovers.found(),
                    log.size(),
                    verdict(server));
        }
    }

    private static Map<String, String> options(SoakUpstream upstream) {
        Map<String, String> all = new LinkedHashMap<>(LIMITS);
        all.put("upstream.url", upstream.url());
        return all;
    }

    private void work(OwnServer server, SessionClient http, SoakUpstream upstream)
            throws IOException, InterruptedException {
        List<SoakClient> clients = new ArrayList<>();
        for (int i = 0; i < TENANTS * CLIENTS_EACH; i++) {
            clients.add(new SoakClient(i, "soak-" + i % TENANTS, (long) seed << Byte.SIZE | i, http, upstream, tally));
        }
        long deadline = System.nanoTime() + time.toNanos();
        // Two more beside the clients: one that kills, one that looks.
        Together.seconds(clients.size() + 2, number -> {
            if (number < clients.size()) {
                clients.get(number).work(deadline);
            } else if (number == clients.size()) {
                kill(new SoakKiller(server, tally, seed), deadline);
            } else {
                watch(server, deadline);
            }
        });
        progress.accept("asking every session once more");
        Together.seconds(clients.size(), number -> clients.get(number).finish());
    }

    private void kill(SoakKiller killer, long deadline) throws IOException, InterruptedException {
        Random random = new Random(~seed);
        long most = Math.min(KILLED_EVERY.toNanos(), time.toNanos() / LEAST_KILLS);
        while (true) {
            long pause = most / 2 + random.nextLong(most);
            if (deadline - System.nanoTime() < pause) {
                return;
            }
            Pause.ofNanos(pause);
            killer.killOne();
        }
    }

    private void watch(OwnServer server, long deadline) throws IOException, InterruptedException {
        long step = Math.min(SAMPLED.toNanos(), time.toNanos() / LEAST_SAMPLES);
        long said = System.nanoTime();
        while (deadline - System.nanoTime() > step) {
            Pause.ofNanos(step);
            sizes.add(server.rssMib());
            if (System.nanoTime() - said >= SAMPLED.toNanos()) {
                said = System.nanoTime();
                progress.accept("%d s left: %d turns, %d commands, %d failures, server %.0f MiB"
                        .formatted(
                                TimeUnit.NANOSECONDS.toSeconds(deadline - System.nanoTime()),
                                tally.of(Count.TURNS),
                                tally.of(Count.EXECS),
                                tally.failures(),
                                sizes.getLast()));
            }
        }
    }

    private static AuditVerdict verdict(OwnServer server) {
        DataDirectory data = DataDirectory.open(server.config().paths().data());
        try (Store store = data.store()) {
            return AuditVerifier.verify(store, data.auditKey().bytes(), data.auditHead());
        }
    }

    private BenchReport report(
            Machine machine, Map<String, Double> metrics, List<String> left, int logLines, AuditVerdict verdict) {
        Trend trend = new Trend(sizes);
        List<Figure> figures = new ArrayList<>();
        figures.add(new Figure("time", time.toMillis() / 1000.0, "s"));
        figures.add(new Figure("seed", seed, ""));
        for (Count count : Count.values()) {
            figures.add(new Figure(count.words(), tally.of(count), ""));
        }
        metrics.forEach((name, value) -> {
            Matcher agents = AGENTS.matcher(name);
            if (agents.matches()) {
                String what = agents.group(1).equals("end") ? "agents ended: " : "turns' agents: ";
                figures.add(new Figure(what + agents.group(2), value, ""));
            }
        });
        figures.add(new Figure("lines of warnings and errors in the server's log", logLines, ""));
        for (int i = 0; i < EIGHTHS; i++) {
            int at = (i + 1) * sizes.size() / EIGHTHS - 1;
            figures.add(new Figure(
                    "server RSS after %d/%d of the time".formatted(i + 1, EIGHTHS), sizes.get(Math.max(0, at)), "MiB"));
        }
        figures.add(new Figure("server RSS, most", trend.most(), "MiB"));
        Figure growth = new Figure("server RSS, last quarter over second, medians", trend.growth(), "×");
        figures.add(growth);
        return new BenchReport(
                "soak",
                machine,
                "",
                List.of(),
                figures,
                List.of(
                        none("no unexpected failure", tally.failures(), tally.texts()),
                        none("no session lost", tally.lost(), List.of()),
                        none("nothing left over", left.size(), left),
                        switch (verdict) {
                            case AuditVerdict.Intact intact ->
                                new Promise("the audit log is whole", intact.entries() + " entries", Optional.of(true));
                            case AuditVerdict.Broken broken ->
                                new Promise(
                                        "the audit log is whole",
                                        "broken at " + broken.seq() + ": " + broken.why(),
                                        Optional.of(false));
                        },
                        Promise.atMost(growth, MOST_GROWTH)),
                Map.of());
    }

    private static Promise none(String words, int count, List<String> texts) {
        return new Promise(words, count == 0 ? "0" : count + ": " + String.join("; ", texts), Optional.of(count == 0));
    }
}
