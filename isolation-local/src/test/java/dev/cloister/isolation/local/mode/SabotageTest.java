package dev.cloister.isolation.local.mode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.probe.AbilitiesProbe;
import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Engine;
import dev.cloister.isolation.tck.Outcome;
import dev.cloister.isolation.tck.Pair;
import dev.cloister.isolation.tck.PlainSandbox;
import dev.cloister.isolation.tck.Result;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.isolation.tck.Tenant;
import dev.cloister.isolation.tck.corpus.Corpus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The corpus notices when a wall has a hole: each guarantee is weakened once, and an attack that was blocked passes. */
@EnabledIf("isRoot")
class SabotageTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(256 << 20, 2, 128, 64 << 20, 1024);

    /**
     * One hole.
     *
     * @param hole what is done to the attacker's plan; the victim's is whole
     * @param treeMode the mode of the victim's directories
     * @param attack passes through the hole, and not where there is none
     */
    private record Hole(
            String name,
            Guarantee guarantee,
            IsolationMode mode,
            UnaryOperator<LaunchPlan> hole,
            String treeMode,
            String attack) {
        @Override
        public String toString() {
            return guarantee + ": " + name;
        }
    }

    static boolean isRoot() {
        return Stage.isRoot();
    }

    private static Hole hole(String name, Guarantee guarantee, UnaryOperator<LaunchPlan> hole, String attack) {
        return new Hole(name, guarantee, IsolationMode.DIRECTORIES, hole, "rwx------", attack);
    }

    private static LaunchPlan withoutLandlock(LaunchPlan plan) {
        return plan.withLandlock(Optional.empty());
    }

    private static LaunchPlan asTheVictim(LaunchPlan plan) {
        return withoutLandlock(plan).withIds(Optional.of(new Ids(Stage.FIRST_UID, Stage.FIRST_UID)));
    }

    static Stream<Hole> holes() {
        UnaryOperator<LaunchPlan> noPidNamespace = plan -> {
            Set<Namespace> left = EnumSet.copyOf(plan.namespaces());
            left.removeAll(Set.of(Namespace.PID, Namespace.USER));
            return plan.withNamespaces(left);
        };
        return Stream.of(
                new Hole(
                        "directories that all may enter, and no Landlock",
                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                        IsolationMode.DIRECTORIES,
                        SabotageTest::withoutLandlock,
                        "rwxr-xr-x",
                        "ipc-watch"),
                new Hole(
                        "directories that all may write, and no Landlock",
                        Guarantee.FILES_OF_OTHERS_UNWRITABLE,
                        IsolationMode.DIRECTORIES,
                        SabotageTest::withoutLandlock,
                        "rwxrwxrwx",
                        "write-new"),
                hole(
                        "one uid for both, and no Landlock",
                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                        SabotageTest::asTheVictim,
                        "read-home"),
                hole(
                        "one uid for both, and no Landlock",
                        Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
                        SabotageTest::asTheVictim,
                        "proc-environ"),
                hole(
                        "one uid for both, and no Landlock",
                        Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
                        SabotageTest::asTheVictim,
                        "signal-kill"),
                new Hole(
                        "no pid namespace",
                        Guarantee.PROCESSES_OF_OTHERS_INVISIBLE,
                        IsolationMode.NAMESPACES,
                        noPidNamespace,
                        "rwx------",
                        "proc-cmdline-all"),
                hole(
                        "the server's own uid, and no Landlock",
                        Guarantee.SERVER_STATE_UNREADABLE,
                        plan -> withoutLandlock(plan).withIds(Optional.empty()),
                        "server-file"),
                hole(
                        "no filter of system calls",
                        Guarantee.PRIVILEGES_NOT_GAINABLE,
                        plan -> plan.withSystemCalls(SystemCalls.UNFILTERED),
                        "privilege-user-namespace"),
                hole(
                        "neither filter nor Landlock",
                        Guarantee.NETWORK_CLOSED,
                        plan -> withoutLandlock(plan).withSystemCalls(SystemCalls.UNFILTERED),
                        "network-tcp-python"),
                hole(
                        "neither control group nor limits",
                        Guarantee.RESOURCES_BOUNDED,
                        plan -> plan.withCgroups(List.of()).withLimits(List.of()),
                        "exhaust-processes"));
    }

    /** An attacker whose wall has a hole. */
    private record Weak(
            SandboxSpec spec, Launcher launcher, Blueprint blueprint, Path share, UnaryOperator<LaunchPlan> hole)
            implements Tenant {
        @Override
        public Path work() {
            return spec.work();
        }

        @Override
        public Path home() {
            return spec.home();
        }

        @Override
        public String run(List<String> command, Map<String, String> environment)
                throws IOException, InterruptedException {
            // With another's uid its own directory may be closed to it.
            LaunchPlan plan = blueprint.plan(
                    spec, new ProcessSpec(command, environment, "/"), share, List.of(), "launch-" + System.nanoTime());
            LaunchedProcess process = launcher.launch(hole.apply(plan), () -> {}, UnaryOperator.identity());
            process.stdin().close();
            String said = new String(process.stdout().readAllBytes(), StandardCharsets.UTF_8);
            process.stderr().readAllBytes();
            process.await();
            return said;
        }

        @Override
        public AutoCloseable start(List<String> command, Map<String, String> environment, String ready) {
            throw new UnsupportedOperationException("it only attacks");
        }
    }

    @ParameterizedTest
    @MethodSource("holes")
    void aHoleInTheWallIsNoticed(Hole hole) throws Exception {
        try (Stage stage = new Stage(hole.mode(), LIMITS)) {
            Abilities abilities = AbilitiesProbe.run(stage.host, stage.config);
            assumeTrue(abilities.landlock().equals(Optional.of(LandlockLevel.SCOPES)), "a host with all layers");
            SandboxSpec victim = stage.tenant("a", Stage.FIRST_UID);
            SandboxSpec attacker = stage.tenant("b", Stage.FIRST_UID + 1);
            for (Path open : List.of(victim.home().getParent(), victim.home(), victim.work())) {
                Files.setPosixFilePermissions(open, PosixFilePermissions.fromString(hole.treeMode()));
            }
            Path own = Files.createDirectory(stage.root.resolve("own"));
            Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwx--x--x"));
            try (Launcher launcher = Launcher.open(own);
                    Engine engine = Engine.open(
                            List.of(new Pair(
                                    "none",
                                    PlainSandbox.tenant(stage.root.resolve("plain-a"), List.of()),
                                    PlainSandbox.tenant(stage.root.resolve("plain-b"), List.of()))),
                            Files.setPosixFilePermissions(
                                    Files.createDirectory(stage.root.resolve("server")),
                                    PosixFilePermissions.fromString("rwx------")))) {
                Blueprint blueprint = Stage.blueprint(hole.mode(), stage, abilities, launcher);
                Path share = stage.share(blueprint, attacker);
                SandboxTenant a = new SandboxTenant(victim, stage.backend().prepare(victim));
                Tenant whole = new SandboxTenant(attacker, stage.backend().prepare(attacker));
                Tenant weak = new Weak(attacker, launcher, blueprint, share, hole.hole());
                assertThat(outcome(engine, new Pair("weak", a, weak), hole))
                        .as("with the hole")
                        .isEqualTo(Outcome.PASSED);
                if (hole.treeMode().equals("rwx------")) {
                    assertThat(outcome(engine, new Pair("whole", a, whole), hole))
                            .as("without it")
                            .isEqualTo(Outcome.BLOCKED);
                }
            }
        }
    }

    private static Outcome outcome(Engine engine, Pair pair, Hole hole) throws Exception {
        Attack attack = Corpus.attack(hole.attack());
        assertThat(attack.guarantee()).isEqualTo(hole.guarantee());
        List<Result> results = new ArrayList<>();
        engine.attack(pair, Set.of(hole.guarantee()), List.of(attack), results::add);
        return results.getFirst().outcome();
    }
}
