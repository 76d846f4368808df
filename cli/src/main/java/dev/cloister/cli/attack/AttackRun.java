package dev.cloister.cli.attack;

import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Engine;
import dev.cloister.isolation.tck.Pair;
import dev.cloister.isolation.tck.PlainTenant;
import dev.cloister.isolation.tck.Result;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** Lets one throw-away tenant attack another in each mode, and in none. Leaves nothing behind. */
public final class AttackRun {
    /** What stands for having no isolation. */
    public static final String NONE = "no isolation";

    /**
     * What came of it.
     *
     * @param promises by mode: what it promises on this host
     * @param left by mode: why nothing was tried there
     * @param notMade attacks that only root could make without a wall, so that they prove nothing here
     */
    public record Report(
            Host host,
            List<Result> results,
            Map<IsolationMode, Set<Guarantee>> promises,
            Map<IsolationMode, List<Finding>> left,
            List<Attack> notMade) {}

    private final TrialHost trial;
    private final Consumer<String> progress;
    private final List<Result> results = new ArrayList<>();
    private final Map<IsolationMode, Set<Guarantee>> promises = new LinkedHashMap<>();
    private final Map<IsolationMode, List<Finding>> left = new LinkedHashMap<>();

    private AttackRun(TrialHost trial, Consumer<String> progress) {
        this.trial = trial;
        this.progress = progress;
    }

    /**
     * @param modes which modes are tried
     * @param progress gets a line now and then
     */
    public static Report run(
            CloisterConfig config, List<Attack> attacks, Predicate<IsolationMode> modes, Consumer<String> progress)
            throws IOException, InterruptedException {
        try (TrialHost trial = TrialHost.make(config, "attack")) {
            boolean root = trial.host().isRoot();
            List<Attack> made = attacks.stream()
                    .filter(attack -> root || !attack.byRootOnly())
                    .toList();
            List<Attack> notMade =
                    attacks.stream().filter(attack -> !made.contains(attack)).toList();
            AttackRun run = new AttackRun(trial, progress);
            run.attack(made, modes);
            return new Report(trial.host(), run.results, run.promises, run.left, notMade);
        }
    }

    private void attack(List<Attack> attacks, Predicate<IsolationMode> modes) throws IOException, InterruptedException {
        try (Engine engine = Engine.open(controls(), trial.closed("server"))) {
            for (IsolationProvider provider : trial.providers()) {
                if (modes.test(provider.mode())) {
                    attack(engine, provider, attacks);
                }
            }
            progress.accept("the same without isolation, which shows what each attack is worth");
            engine.controls(attacks, results::add);
        }
    }

    /** The plain host user; where that is not root, also as root of a user namespace of its own. */
    private List<Pair> controls() throws IOException {
        Path plain = trial.closed("plain");
        PlainTenant victim = PlainTenant.in(plain.resolve("victim"), List.of());
        List<Pair> controls = new ArrayList<>();
        controls.add(new Pair(NONE, victim, PlainTenant.in(plain.resolve("attacker"), List.of())));
        if (!trial.host().isRoot()) {
            controls.add(new Pair(
                    NONE,
                    PlainTenant.in(plain.resolve("victim-2"), List.of()),
                    PlainTenant.in(
                            plain.resolve("attacker-2"), List.of("unshare", "--user", "--map-root-user", "--mount"))));
        }
        return controls;
    }

    private void attack(Engine engine, IsolationProvider provider, List<Attack> attacks)
            throws IOException, InterruptedException {
        String name = provider.mode().id();
        IsolationConfig isolation = trial.isolation(name);
        progress.accept("trying what " + name + " mode promises here");
        Availability availability = provider.probe(isolation, trial.host());
        if (availability instanceof Availability.Unavailable) {
            left.put(provider.mode(), availability.findings());
            return;
        }
        promises.put(provider.mode(), availability.holds());
        try (IsolationBackend backend = provider.open(isolation, trial.host())) {
            SandboxSpec victim = trial.tenant(isolation, 0);
            SandboxSpec attacker = trial.tenant(isolation, 1);
            Pair pair = new Pair(
                    name,
                    new SandboxTenant(victim, backend.prepare(victim)),
                    new SandboxTenant(attacker, backend.prepare(attacker)));
            Told told = new Told(name, attacks.size());
            engine.attack(pair, availability.holds(), attacks, result -> {
                results.add(result);
                told.one(result);
            });
        }
    }

    /** A line for each family. */
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
            if (!family.equals(result.attack().family().title())) {
                family = result.attack().family().title();
                progress.accept("%s: %d of %d, %s".formatted(mode, made, all, family));
            }
        }
    }
}
