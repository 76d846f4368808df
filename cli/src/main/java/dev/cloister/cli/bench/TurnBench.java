package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.core.agent.AgentPlan;
import dev.cloister.core.agent.Conversation;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What a turn takes by way of a server, beside the agent's program started by hand: the same program with the same settings,
 * the same message, the same answer of the same upstream, in turns in one run.
 */
public final class TurnBench {
    static final String RAW_COLD = "raw cold";
    static final String RAW_STARTED = "raw pre-started";
    static final String RAW_WARM = "raw warm";
    static final String WHOLE = ", whole turn";

    private static final String MESSAGE = "hello";
    private static final int CHUNKS = 200;
    private static final String LONG_MESSAGE =
            "```script\n[{\"text\":\"" + "word ".repeat(CHUNKS) + "\",\"chunks\":" + CHUNKS + "}]\n```";

    /** An agent that was started so long ago has nothing left to do for its start. */
    private static final long HEAD_START_MS = 2500;

    /** Between two ways: what the one before leaves to be taken away, its processes and its sandbox, is not the next one's. */
    private static final long REST_MS = 300;

    /** Of a session, so that its conversation does not grow into what is measured. */
    private static final int TURNS_OF_A_SESSION = 25;

    /** Per round; with 30 rounds the server has served as many turns as one that is a few minutes old. */
    private static final int WARM_UP_PER_ROUND = 40;

    private static final int SHORT_PER_ROUND = 10;
    private static final int LONG_PER_ROUND = 3;

    private final CloisterConfig config;
    private final Path executable;
    private final int rounds;
    private final Optional<Path> peers;
    private final Consumer<String> progress;
    private final Samples first = new Samples();
    private final Samples whole = new Samples();
    private final Map<String, String> leftOut = new LinkedHashMap<>();

    private TurnBench(CloisterConfig config, int rounds, Optional<Path> peers, Consumer<String> progress) {
        this.config = config;
        this.executable = config.agent()
                .executable()
                .orElseThrow(
                        () -> CloisterException.invalid(
                                "agent.executable: the agent's program is not known; start through ./cloister, which installs it"));
        this.rounds = rounds;
        this.peers = peers;
        this.progress = progress;
    }

    /**
     * Leaves nothing behind, also when this JVM is told to stop.
     *
     * @param config says which agent and which isolation mode; the rest is the benchmark's own
     * @param peers where other front ends are installed; empty: they are not measured
     * @param progress gets a line for each step
     */
    public static BenchReport run(CloisterConfig config, int rounds, Optional<Path> peers, Consumer<String> progress)
            throws IOException, InterruptedException {
        return new TurnBench(config, rounds, peers, progress).measure();
    }

    /** Where the {@code cloister} script installed other front ends, if it was asked to. */
    public static Optional<Path> installedPeers(Map<String, String> environment) {
        return Optional.ofNullable(environment.get(Peers.VARIABLE)).map(Path::of);
    }

    private BenchReport measure() throws IOException, InterruptedException {
        List<Double> loadBefore = Machine.load();
        try (TurnPlace place = TurnPlace.make();
                ScriptedHttp upstream = ScriptedHttp.start()) {
            List<Figure> figures;
            try (OwnServer server = OwnServer.start(keys(upstream.url()), progress);
                    CloisterTurns cold = new CloisterTurns(server, "bench-cold");
                    CloisterTurns prewarmed = new CloisterTurns(server, "bench-prewarmed");
                    CloisterTurns warm = new CloisterTurns(server, "bench-warm");
                    TurnClient others = new TurnClient("bench");
                    // By hand the agent gets what the server makes of its configuration.
                    RawWays raw = new RawWays(place, () -> plan(server.config(), place.path(), upstream.url()))) {
                figures = cpu(server);
                List<TurnWay> ways = new ArrayList<>(raw.all());
                ways.addAll(List.of(cold.cold(), prewarmed.prewarmed(), warm.warm()));
                progress.accept("warming up");
                round(ways, false);
                ways.addAll(peerWays(new Peers(peers.orElse(place.path()), place, executable, upstream.url()), others));
                for (int round = 1; round <= rounds; round++) {
                    progress.accept("round " + round + " of " + rounds);
                    // Whoever comes later in a round must not always be the same.
                    round(round % 2 == 1 ? ways : ways.reversed(), true);
                }
            }
            List<Measured> results = Stream.concat(first.measured().stream(), whole.measured().stream())
                    .toList();
            return new BenchReport(
                    "turn",
                    Machine.of(HostFacts.host(0, place.path()), loadBefore),
                    RAW_COLD,
                    results,
                    figures,
                    promises(results),
                    leftOut);
        }
    }

    static List<Promise> promises(List<Measured> results) {
        return List.of(
                Promise.atMost(results, "cloister warm", RAW_WARM, 1, 5),
                Promise.atMost(results, "cloister cold", RAW_COLD, 1.1, 0),
                Promise.atMost(results, "cloister prewarmed", RAW_STARTED, 1.3, 0));
    }

    private Map<String, String> keys(String upstream) {
        Map<String, String> keys = new TreeMap<>();
        keys.put("upstream.url", upstream);
        keys.put("identity.mode", "token");
        keys.put("identity.admission", "open");
        keys.put(
                "isolation.mode",
                config.isolation().mode().map(IsolationMode::id).orElse("auto"));
        // Each kind of turn has a tenant of its own, and none of them has anything to hide.
        keys.put("isolation.accept-weak", "true");
        keys.put("agent.executable", executable.toString());
        keys.put("agent.prewarm", "session");
        return keys;
    }

    /** The agent as the server starts it, but without a sandbox and a broker. */
    private ProcessSpec plan(CloisterConfig own, Path place, String upstream) throws IOException {
        ToolPolicy policy = ToolPolicy.of(own.policy());
        Path raw = Files.createDirectories(place.resolve("raw"));
        Path settings = raw.resolve("settings.json");
        if (!Files.exists(settings)) {
            Files.writeString(settings, policy.settings().toString());
        }
        AgentPlan plan = new AgentPlan(
                executable.toString(),
                new Conversation.Fresh(SessionId.random()),
                Client.MODEL,
                policy,
                Credential.Kind.BEARER,
                "",
                settings.toString(),
                Optional.empty(),
                own.agent().maxTurns(),
                own.agent().upstreamRetries());
        String work = Files.createDirectories(raw.resolve("work")).toString();
        return RawCli.plan(
                plan.processSpec(work),
                upstream,
                Files.createDirectories(raw.resolve("home")),
                Files.createDirectories(raw.resolve("tmp")));
    }

    /** One turn each. */
    private void round(List<TurnWay> ways, boolean counted) throws IOException, InterruptedException {
        for (TurnWay way : ways) {
            way.prepare();
        }
        Thread.sleep(HEAD_START_MS);
        for (TurnWay way : ways) {
            TurnTime time = way.turn(MESSAGE);
            require(way.name(), time);
            way.done();
            Thread.sleep(REST_MS);
            if (counted) {
                first.add(way.name(), time.first());
                whole.add(way.name() + WHOLE, time.whole());
            }
        }
    }

    /** Ways that do not do the same are not to be compared. */
    private static void require(String name, TurnTime time) throws IOException {
        if (!time.answer().strip().equals(MESSAGE)) {
            throw new IOException(name + " answered something else: " + time.answer());
        }
    }

    /** Those that work, each after a first round that does not count. */
    private List<TurnWay> peerWays(Peers all, TurnClient client) throws InterruptedException {
        if (peers.isEmpty()) {
            Peers.NAMES.forEach(name -> leftOut.put(name, "./cloister bench turn --peers installs and measures it"));
            return List.of();
        }
        progress.accept("starting " + String.join(" and ", Peers.NAMES));
        List<TurnWay> working = new ArrayList<>();
        for (TurnWay way : all.ways(client, leftOut)) {
            try {
                round(List.of(way), false);
                working.add(way);
            } catch (IOException | RuntimeException e) {
                leftOut.put(way.name(), String.valueOf(e.getMessage()));
            }
        }
        return working;
    }

    /** What turns cost the server itself. Before the rounds: it also makes the server as fast as it gets. */
    private List<Figure> cpu(OwnServer server) throws IOException, InterruptedException {
        try (CloisterTurns turns = new CloisterTurns(server, "bench-cpu")) {
            progress.accept("warming the server up");
            cpu(server, turns, MESSAGE, WARM_UP_PER_ROUND * rounds);
            cpu(server, turns, LONG_MESSAGE, LONG_PER_ROUND * rounds);
            progress.accept("measuring the server's processor time of short turns");
            Cpu few = cpu(server, turns, MESSAGE, SHORT_PER_ROUND * rounds);
            progress.accept("measuring it of long turns");
            Cpu many = cpu(server, turns, LONG_MESSAGE, LONG_PER_ROUND * rounds);
            return List.of(
                    new Figure("the server's own CPU for a warm turn", few.milliseconds(), "ms"),
                    new Figure(
                            "the server's own CPU for a streamed event",
                            (many.milliseconds() - few.milliseconds()) / (many.events() - few.events()) * 1000,
                            "µs"));
        }
    }

    /** Of one turn, at the mean. */
    private record Cpu(double milliseconds, double events) {}

    private static Cpu cpu(OwnServer server, CloisterTurns turns, String message, int count)
            throws IOException, InterruptedException {
        double spent = 0;
        long events = 0;
        for (int done = 0; done < count; done += TURNS_OF_A_SESSION) {
            Optional<String> session = Optional.of(turns.open());
            turns.turn(session, message);
            long before = server.cpuMillis();
            for (int i = 0; i < Math.min(TURNS_OF_A_SESSION, count - done); i++) {
                events += turns.turn(session, message).time().events();
            }
            spent += server.cpuMillis() - before;
            turns.delete(session.get());
        }
        return new Cpu(spent / count, (double) events / count);
    }
}
