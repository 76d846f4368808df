package dev.cloister.cli.attack;

import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Engine;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Hand;
import dev.cloister.isolation.tck.Means;
import dev.cloister.isolation.tck.Naive;
import dev.cloister.isolation.tck.Need;
import dev.cloister.isolation.tck.Pair;
import dev.cloister.isolation.tck.PlainSandbox;
import dev.cloister.isolation.tck.Result;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.isolation.tck.Tenant;
import dev.cloister.isolation.tck.Vantage;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Lets one throw-away tenant attack another in each mode, and in none: as code in a sandbox, by its agent, and over the API
 * of a server that is started for it. Leaves nothing behind.
 */
public final class AttackRun {
    private static final List<String> AS_ROOT = List.of("unshare", "--user", "--map-root-user", "--mount");

    /** What stands for having no isolation. */
    public static final String NONE = "no isolation";

    /** What stands for the agent's own rules, which are all there is to many a deployment. */
    public static final String RULES = "tool rules only";

    /**
     * What came of it.
     *
     * @param promises by mode: what it promises on this host
     * @param left by mode: why nothing was tried there
     * @param notMade attacks that would prove nothing here, and why
     */
    public record Report(
            Host host,
            List<Result> results,
            Map<IsolationMode, Set<Guarantee>> promises,
            Map<IsolationMode, List<Finding>> left,
            Map<Attack, String> notMade) {}

    private final TrialHost trial;
    private final Function<Map<String, String>, CloisterConfig> configured;
    private final CloisterConfig config;
    private final Consumer<String> progress;
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final List<Result> results = new ArrayList<>();
    private final Map<IsolationMode, Set<Guarantee>> promises = new LinkedHashMap<>();
    private final Map<IsolationMode, List<Finding>> left = new LinkedHashMap<>();

    private AttackRun(
            TrialHost trial,
            Function<Map<String, String>, CloisterConfig> configured,
            CloisterConfig config,
            Consumer<String> progress) {
        this.trial = trial;
        this.configured = configured;
        this.config = config;
        this.progress = progress;
    }

    /**
     * @param configured the operator's configuration with keys of ours on top
     * @param modes which modes are tried
     * @param progress gets a line now and then
     */
    public static Report run(
            Function<Map<String, String>, CloisterConfig> configured,
            List<Attack> attacks,
            Predicate<IsolationMode> modes,
            Consumer<String> progress)
            throws Exception {
        CloisterConfig config = configured.apply(Map.of());
        if (attacks.stream().anyMatch(attack -> attack.vantage() != Vantage.SANDBOX)
                && config.agent().executable().isEmpty()) {
            throw CloisterException.invalid(
                    "agent.executable: the agent's program is not known; start through ./cloister, which installs it,"
                            + " or attack with --vantage sandbox");
        }
        try (TrialHost trial = TrialHost.make(config, "attack")) {
            Map<Attack, String> notMade = new LinkedHashMap<>();
            Set<Need> refused = Need.refusedTo(plain(trial, trial.closed("needs")));
            attacks.forEach(attack -> whyNot(attack, trial.host(), refused).ifPresent(why -> notMade.put(attack, why)));
            List<Attack> made = attacks.stream()
                    .filter(attack -> !notMade.containsKey(attack))
                    .toList();
            AttackRun run = new AttackRun(trial, configured, config, progress);
            run.attack(made, modes);
            return new Report(trial.host(), run.results, run.promises, run.left, notMade);
        }
    }

    private void attack(List<Attack> attacks, Predicate<IsolationMode> modes) throws Exception {
        try (AgentPlace agents = new AgentPlace(config);
                EgressPlace ways = EgressPlace.start()) {
            Path plain = trial.closed("plain");
            try (Engine engine = Engine.open(controls(plain, agents, ways, attacks), trial.closed("server"))) {
                for (IsolationProvider provider : trial.providers()) {
                    if (modes.test(provider.mode())) {
                        attack(engine, agents, ways, provider, attacks);
                    }
                }
                rulesOnly(engine, agents, plain, attacks);
                progress.accept("the same without isolation, which shows what each attack is worth");
                Told told = new Told(NONE, attacks.size());
                engine.controls(attacks, result -> {
                    results.add(result);
                    told.one(result);
                });
            } finally {
                closeOpened();
            }
        }
    }

    private static Optional<String> whyNot(Attack attack, Host host, Set<Need> refused) {
        if (attack.byRootOnly() && !host.isRoot()) {
            return Optional.of("only root could make them without a wall");
        }
        if (!attack.means().canBeMade()) {
            return Optional.of("this host has no compiler; install gcc");
        }
        return Need.of(attack).filter(refused::contains).map(need -> "this host refuses to everybody: " + need.title());
    }

    /** The plain host user; where that is not root, also as root of a user namespace of its own if the host gives one. */
    private static List<SandboxTenant> plain(TrialHost trial, Path directory) throws IOException, InterruptedException {
        List<SandboxTenant> all = new ArrayList<>();
        all.add(PlainSandbox.tenant(directory.resolve("1"), List.of()));
        if (!trial.host().isRoot() && succeeds(AS_ROOT)) {
            all.add(PlainSandbox.tenant(directory.resolve("2"), AS_ROOT));
        }
        return all;
    }

    /** A container refuses it. What then has no control is INVALID, or named as what the host refuses to everybody. */
    private static boolean succeeds(List<String> prefix) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        command.add("true");
        return new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor()
                == 0;
    }

    private void closeOpened() throws Exception {
        while (!opened.isEmpty()) {
            opened.pop().close();
        }
    }

    private <T extends AutoCloseable> T owned(T part) {
        opened.push(part);
        return part;
    }

    private static boolean any(List<Attack> attacks, Vantage vantage) {
        return attacks.stream().anyMatch(attack -> attack.vantage() == vantage);
    }

    /**
     * The plain host user; where that is not root, also as root of a user namespace of its own; a broker, a proxy and a server
     * without checks.
     */
    private List<Pair> controls(Path plain, AgentPlace agents, EgressPlace ways, List<Attack> attacks)
            throws IOException, InterruptedException {
        List<SandboxTenant> victims = plain(trial, plain.resolve("victims"));
        List<SandboxTenant> attackers = plain(trial, plain.resolve("attackers"));
        SandboxTenant attacker = attackers.getFirst();
        Path own = plain.resolve("own.sock");
        Path others = plain.resolve("others.sock");
        OpenRelay ownRelay = owned(OpenRelay.at(own));
        OpenRelay othersRelay = owned(OpenRelay.at(others));
        String ownWay = plain.resolve("own-way.sock").toString();
        String othersWay = plain.resolve("others-way.sock").toString();
        owned(NaiveProgram.start(
                PlainSandbox.tenant(plain.resolve("proxy"), List.of()), Naive.proxy(), List.of(ownWay, othersWay)));
        List<Pair> controls = new ArrayList<>();
        controls.add(new Pair(
                NONE,
                victims.getFirst(),
                attacker,
                Map.of(Vantage.SANDBOX, Hand.of(attacker), Vantage.AGENT, agents.bareAgent(attacker)),
                Map.of(
                        "BROKER",
                        own.toString(),
                        "V_BROKER",
                        others.toString(),
                        "EGRESS",
                        ownWay,
                        "EGRESS_LISTED",
                        ownWay,
                        "V_EGRESS",
                        othersWay,
                        "FAR",
                        ways.port()),
                word -> ownRelay.heard(word) || othersRelay.heard(word) || ways.heard(word)));
        for (int i = 1; i < victims.size(); i++) {
            controls.add(new Pair(NONE, victims.get(i), attackers.get(i)));
        }
        if (any(attacks, Vantage.API)) {
            SandboxTenant place = PlainSandbox.tenant(plain.resolve("naive"), List.of());
            Path trees = Files.createDirectories(place.work().resolve("trees"));
            NaiveProgram naive = owned(NaiveProgram.start(place, Naive.script(), List.of(trees.toString())));
            controls.add(served(NONE, URI.create("http://127.0.0.1:" + naive.said()), trees, plain));
        }
        return controls;
    }

    /** Two tenants of a server, and a client outside of it. */
    private Pair served(String place, URI base, Path trees, Path plain) throws IOException, InterruptedException {
        String token = "attacker-" + UUID.randomUUID();
        Tenant victim = ServerTenant.of(owned(new Client(base, "victim-" + UUID.randomUUID())), trees);
        Tenant attacker = ServerTenant.of(owned(new Client(base, token)), trees);
        SandboxTenant outside = PlainSandbox.tenant(plain.resolve("client"), List.of());
        Hand client = (means, told) -> {
            Map<String, String> all = new HashMap<>(told);
            all.put("BASE", base.toString());
            all.put("TOKEN", token);
            return switch (means) {
                case Means.Code code -> outside.run(code.command(), all);
                case Means.Talk talk -> throw new IllegalArgumentException("a client is code, not " + talk);
            };
        };
        return new Pair(place, victim, attacker, Map.of(Vantage.API, client), Map.of(), word -> false);
    }

    /** The agent with Cloister's rules, and nothing around it. */
    private void rulesOnly(Engine engine, AgentPlace agents, Path plain, List<Attack> attacks)
            throws IOException, InterruptedException {
        if (!any(attacks, Vantage.AGENT)) {
            return;
        }
        SandboxTenant attacker = PlainSandbox.tenant(plain.resolve("rules-attacker"), List.of());
        Pair pair = new Pair(
                RULES,
                PlainSandbox.tenant(plain.resolve("rules-victim"), List.of()),
                attacker,
                Map.of(Vantage.AGENT, agents.agent(attacker)),
                Map.of(),
                word -> false);
        attack(engine, pair, Set.of(), attacks);
    }

    private void attack(
            Engine engine, AgentPlace agents, EgressPlace ways, IsolationProvider provider, List<Attack> attacks)
            throws Exception {
        String name = provider.mode().id();
        IsolationConfig isolation = trial.isolation(name);
        progress.accept("trying what " + name + " mode promises here");
        Availability availability = provider.probe(isolation, trial.host());
        if (availability instanceof Availability.Unavailable) {
            left.put(provider.mode(), availability.findings());
            return;
        }
        Set<Guarantee> holds = TrialHost.promises(availability);
        promises.put(provider.mode(), holds);
        try (IsolationBackend backend = provider.open(isolation, trial.host())) {
            SandboxTenant victim = prepared(backend, trial.tenant(isolation, 0));
            SandboxTenant attacker = prepared(backend, trial.tenant(isolation, 1));
            if (any(attacks, Vantage.AGENT)) {
                agents.prove(attacker);
            }
            try (AgentPlace.Socket others = agents.socket(victim);
                    AgentPlace.Socket own = agents.socket(attacker);
                    EgressPlace.Sockets out = ways.sockets(victim, attacker)) {
                Map<String, String> told = new HashMap<>(out.told());
                told.put("BROKER", own.inner());
                told.put("V_BROKER", others.host().toString());
                Pair pair = new Pair(
                        name,
                        victim,
                        attacker,
                        Map.of(Vantage.SANDBOX, Hand.of(attacker), Vantage.AGENT, agents.agent(attacker)),
                        told,
                        word -> agents.upstreamHeard(word) || ways.heard(word));
                attack(engine, pair, holds, with(attacks, attacker.sandbox().hasOwnNetwork()));
            }
        }
        if (any(attacks, Vantage.API)) {
            overTheApi(engine, name, holds, attacks);
        }
    }

    /** Where a sandbox has no network of its own, no server gives it a way out: there is none to attack. */
    private static List<Attack> with(List<Attack> attacks, boolean ways) {
        return attacks.stream()
                .filter(attack -> ways || attack.family() != Family.EGRESS)
                .toList();
    }

    private static SandboxTenant prepared(IsolationBackend backend, SandboxSpec spec) {
        Sandbox sandbox = backend.prepare(spec);
        if (backend instanceof Opaque opaque) {
            return new SandboxTenant(spec, sandbox, opaque::commands);
        }
        return new SandboxTenant(spec, sandbox);
    }

    private void overTheApi(Engine engine, String mode, Set<Guarantee> promised, List<Attack> attacks)
            throws IOException, InterruptedException {
        progress.accept(mode + ": starting a server for attacks over its API");
        try (TemporaryDirectory place = TemporaryDirectory.make("attack")) {
            CloisterConfig served = configured.apply(Map.of(
                    "data",
                    place.path().resolve("data").toString(),
                    "port",
                    "0",
                    "upstream.url",
                    "scripted",
                    "isolation.mode",
                    mode,
                    // One that waits tidies up its home some seconds later, which would be taken for the attacker's
                    // work.
                    "agent.idle-timeout",
                    "none"));
            overTheApi(engine, served, mode, promised, attacks);
        }
    }

    private void overTheApi(
            Engine engine, CloisterConfig served, String mode, Set<Guarantee> promised, List<Attack> attacks)
            throws IOException, InterruptedException {
        try (Cloister server = Cloister.start(served)) {
            if (server.guarantees().weak()) {
                return;
            }
            server.proveAgent();
            URI base = URI.create("http://127.0.0.1:" + server.port());
            Pair pair = served(mode, base, served.paths().workspaces(), trial.closed("client-" + mode));
            attack(engine, pair, promised, attacks);
        }
    }

    private void attack(Engine engine, Pair pair, Set<Guarantee> promised, List<Attack> attacks)
            throws IOException, InterruptedException {
        Told told = new Told(pair.place(), (int) attacks.stream()
                .filter(attack -> pair.hands().containsKey(attack.vantage()))
                .count());
        engine.attack(pair, promised, attacks, result -> {
            results.add(result);
            told.one(result);
        });
    }

    /** A line for each family, as code in a sandbox and otherwise. */
    private final class Told {
        private final String mode;
        private final int all;
        private int made;
        private String family = "";

        Told(String mode, int all) {
            this.mode = mode;
            this.all = all;
        }

        void one(Result result) {
            made++;
            String now = result.attack().family().title()
                    + (result.attack().vantage() == Vantage.AGENT ? ", by the agent" : "");
            if (!family.equals(now)) {
                family = now;
                progress.accept("%s: %d of %d, %s".formatted(mode, made, all, family));
            }
        }
    }
}
