package dev.cloister.isolation.local.mode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cloister.isolation.local.cgroup.Cgroup;
import dev.cloister.isolation.local.cgroup.CgroupSearch;
import dev.cloister.isolation.local.cgroup.Cgroups;
import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Landlock;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.Root;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.probe.AbilitiesProbe;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxSpec;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * No layer is decoration: for each one there is something that it alone stops. With the plan as it is the command is
 * stopped; with the one layer taken out it gets through.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledIf("isRoot")
class LayersTest {
    private static final UnaryOperator<LaunchPlan> ALL = plan -> plan;

    /**
     * One row of the table.
     *
     * @param base the plan without other layers that would stop the same thing
     * @param without takes the layer out
     * @param attack ends with 0 if it got through
     */
    record Layer(
            IsolationMode mode,
            String name,
            UnaryOperator<LaunchPlan> base,
            UnaryOperator<LaunchPlan> without,
            String attack) {
        @Override
        public String toString() {
            return mode.id() + ": " + name;
        }
    }

    private static Layer inDirectories(
            String name, UnaryOperator<LaunchPlan> base, UnaryOperator<LaunchPlan> without, String attack) {
        return new Layer(IsolationMode.DIRECTORIES, name, base, without, attack);
    }

    private static Layer inNamespaces(String name, UnaryOperator<LaunchPlan> without, String attack) {
        return new Layer(IsolationMode.NAMESPACES, name, ALL, without, attack);
    }

    private static UnaryOperator<LaunchPlan> lacking(Namespace... some) {
        return plan -> {
            Set<Namespace> left = EnumSet.copyOf(plan.namespaces());
            left.removeAll(Set.of(some));
            return plan.withNamespaces(left);
        };
    }

    private static UnaryOperator<LaunchPlan> landlock(LandlockLevel level) {
        return plan ->
                plan.withLandlock(plan.landlock().map(all -> new Landlock(level, all.readable(), all.writable())));
    }

    private static UnaryOperator<LaunchPlan> calls(SystemCalls calls) {
        return plan -> plan.withSystemCalls(calls);
    }

    private static UnaryOperator<LaunchPlan> noLandlock() {
        return plan -> plan.withLandlock(Optional.empty());
    }

    private static UnaryOperator<LaunchPlan> noIds() {
        return plan -> plan.withIds(Optional.empty());
    }

    /** A command under the server's own uid, which has no right to a tenant's tree. */
    private static LaunchPlan ofTheServers(LaunchPlan plan) {
        return noIds().apply(plan)
                .withLandlock(
                        plan.landlock().map(all -> new Landlock(all.level(), all.readable(), List.of("/dev/null"))));
    }

    /** Without what only the tenant can enter, so that who else it is does not matter. */
    private static LaunchPlan withoutTree(LaunchPlan plan) {
        return plan.withLandlock(Optional.empty())
                .withRoot(plan.root()
                        .map(root -> new Root(
                                root.base(),
                                root.template(),
                                root.steps().stream()
                                        .filter(step -> !(step instanceof Step.Writable))
                                        .toList())));
    }

    static Stream<Layer> layers() {
        return Stream.of(
                inDirectories("a uid of its own", noLandlock(), noIds(), "test -r $SECRET"),
                inDirectories("Landlock's files", ALL, noLandlock(), "cat $MARKER"),
                inDirectories(
                        "Landlock's TCP",
                        calls(SystemCalls.UNFILTERED),
                        landlock(LandlockLevel.FILES),
                        "bash -c \"exec 3<>/dev/tcp/127.0.0.1/$TCP\""),
                inDirectories(
                        "Landlock's scopes", LayersTest::ofTheServers, landlock(LandlockLevel.TCP), "kill -0 $SERVER"),
                inDirectories("the filter of system calls", ALL, calls(SystemCalls.UNFILTERED), "unshare -U true"),
                inDirectories(
                        "the filter for shared networks",
                        ALL,
                        calls(SystemCalls.FILTERED),
                        "bash -c \"echo hello > /dev/udp/127.0.0.1/$UDP\""),
                inDirectories(
                        "the filter for shared IPC",
                        ALL,
                        calls(SystemCalls.FILTERED),
                        "perl -e 'exit !defined shmget($ENV{KEY}, 1, 0)'"),
                inDirectories("limits", ALL, plan -> plan.withLimits(List.of()), "test $(ulimit -n) != 128"),
                inDirectories(
                        "the control group",
                        ALL,
                        plan -> plan.withCgroups(List.of()),
                        "! grep -q cloister- /proc/self/cgroup"),
                new Layer(
                        IsolationMode.NAMESPACES,
                        "a uid of its own",
                        LayersTest::withoutTree,
                        noIds(),
                        "test $(id -u) = 0"),
                inNamespaces(
                        "the user namespace",
                        lacking(Namespace.USER),
                        "test $(awk '{print $3}' /proc/self/uid_map) != 1"),
                inNamespaces(
                        "the mount namespace",
                        plan -> lacking(Namespace.MOUNT)
                                .apply(plan.withRoot(Optional.empty()).withLandlock(Optional.empty())),
                        "cat $MARKER"),
                inNamespaces(
                        "the pid namespace", lacking(Namespace.PID, Namespace.USER), "grep -q java /proc/$SERVER/comm"),
                inNamespaces(
                        "the network namespace", lacking(Namespace.NET), "bash -c \"exec 3<>/dev/tcp/127.0.0.1/$TCP\""),
                inNamespaces(
                        "the IPC namespace", lacking(Namespace.IPC), "perl -e 'exit !defined shmget($ENV{KEY}, 1, 0)'"),
                inNamespaces(
                        "the UTS namespace",
                        lacking(Namespace.UTS),
                        "test $(cat /proc/sys/kernel/hostname) != cloister"),
                inNamespaces("the cgroup namespace", lacking(Namespace.CGROUP), "grep -q cloister- /proc/self/cgroup"),
                inNamespaces("Landlock", noLandlock(), "echo 900 > /proc/self/oom_score_adj"),
                inNamespaces("the filter of system calls", calls(SystemCalls.UNFILTERED), "unshare -U true"),
                inNamespaces("limits", plan -> plan.withLimits(List.of()), "test $(ulimit -n) != 128"),
                new Layer(
                        IsolationMode.NAMESPACES,
                        "the control group",
                        lacking(Namespace.CGROUP),
                        plan -> plan.withCgroups(List.of()),
                        "! grep -q cloister- /proc/self/cgroup"));
    }

    @SuppressWarnings("NullAway.Init") // see open()
    private Stage stage;

    @SuppressWarnings("NullAway.Init") // see open()
    private Launcher launcher;

    @SuppressWarnings("NullAway.Init") // see open()
    private Cgroups groups;

    @SuppressWarnings("NullAway.Init") // see open()
    private Cgroup group;

    @SuppressWarnings("NullAway.Init") // see open()
    private SandboxSpec tenant;

    @SuppressWarnings("NullAway.Init") // see open()
    private Abilities abilities;

    private Map<String, String> environment = Map.of();

    @SuppressWarnings("NullAway.Init") // see open()
    private ServerSocket tcp;

    @SuppressWarnings("NullAway.Init") // see open()
    private DatagramSocket udp;

    static boolean isRoot() {
        return Stage.isRoot();
    }

    @BeforeAll
    void open() throws Exception {
        stage = new Stage(IsolationMode.DIRECTORIES, new SandboxLimits(1 << 30, 1, 64, 1 << 20, 128));
        tenant = stage.tenant("a", Stage.FIRST_UID);
        launcher = Launcher.open(Files.setPosixFilePermissions(
                Files.createDirectory(stage.root.resolve("own")), PosixFilePermissions.fromString("rwx--x--x")));
        abilities = AbilitiesProbe.run(stage.host, stage.config);
        groups = switch (Cgroups.find(Optional.empty(), "layers-test")) {
            case CgroupSearch.Found found -> found.cgroups();
            case CgroupSearch.Missing missing -> throw new AssertionError(missing.why());
        };
        group = groups.create("a", stage.config.limits());
        tcp = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        udp = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        udp.setSoTimeout(50);
        Path marker = Files.writeString(stage.root.resolve("marker"), "seen");
        Files.setPosixFilePermissions(marker, PosixFilePermissions.fromString("rw-r--r--"));
        Path secret = Files.writeString(stage.root.resolve("secret"), "the server's");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
        environment = Map.of(
                "MARKER", marker.toString(),
                "SECRET", secret.toString(),
                "SERVER", Long.toString(ProcessHandle.current().pid()),
                "TCP", Integer.toString(tcp.getLocalPort()),
                "UDP", Integer.toString(udp.getLocalPort()),
                "KEY", Integer.toString(sharedMemory("exit !print shmget($ARGV[0], 1, 01666) ? $ARGV[0] : 0")));
    }

    @AfterAll
    void close() throws Exception {
        sharedMemory("exit !shmctl(shmget($ARGV[0], 1, 0), 0, 0)");
        tcp.close();
        udp.close();
        group.close();
        groups.close();
        launcher.close();
        stage.close();
    }

    /** A segment that everybody may read, by the key of this test's process. */
    private static int sharedMemory(String script) throws Exception {
        int key = 0x10000000 + (int) ProcessHandle.current().pid();
        assertThat(new ProcessBuilder("perl", "-e", script, Integer.toString(key))
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor())
                .isZero();
        return key;
    }

    private LaunchPlan plan(Layer layer) throws Exception {
        Blueprint blueprint = Stage.blueprint(layer.mode(), stage, abilities, launcher);
        return blueprint.plan(
                tenant,
                new ProcessSpec(List.of("/bin/sh", "-c", layer.attack()), environment, "/"),
                stage.share(blueprint, tenant),
                group.joins(),
                "launch-" + System.nanoTime());
    }

    /** Whether the attack got through: its own word, or the datagram that arrived. */
    private boolean passes(LaunchPlan plan) throws Exception {
        LaunchedProcess process = launcher.launch(plan, () -> {}, UnaryOperator.identity());
        process.stdin().close();
        process.stdout().readAllBytes();
        String complaint = new String(process.stderr().readAllBytes(), StandardCharsets.UTF_8);
        boolean said = process.await().equals(new ExitStatus.Exited(0));
        if (!String.join(" ", plan.command()).contains("/dev/udp")) {
            assertThat(complaint).doesNotContain("not found");
            return said;
        }
        try {
            udp.receive(new DatagramPacket(new byte[16], 16));
            return true;
        } catch (SocketTimeoutException e) {
            return false;
        }
    }

    @ParameterizedTest
    @MethodSource("layers")
    void stopsWhatNothingElseStops(Layer layer) throws Exception {
        assumeTrue(abilities.landlock().equals(Optional.of(LandlockLevel.SCOPES)), "a host with all layers");
        LaunchPlan full = layer.base().apply(plan(layer));
        assertThat(passes(full)).as("with the layer").isFalse();
        try {
            assertThat(passes(layer.without().apply(layer.base().apply(plan(layer)))))
                    .as("without it")
                    .isTrue();
        } catch (IsolationException e) {
            throw new AssertionError("taking out one layer must not be stopped by another: " + e.finding(), e);
        }
    }
}
