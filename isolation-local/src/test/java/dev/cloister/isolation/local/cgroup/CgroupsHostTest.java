package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** On what this host has, of either version; skipped where the server may make no groups. */
@EnabledIf("dev.cloister.isolation.local.cgroup.HostGroups#canMakeOne")
class CgroupsHostTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(256 << 20, 2, 64, 0, 0);

    private final String instance = "test-" + ProcessHandle.current().pid();
    private final List<Process> started = new ArrayList<>();
    private Cgroups cgroups;

    @BeforeEach
    void find() throws IOException {
        cgroups = find(instance);
    }

    private static Cgroups find(String instance) throws IOException {
        return HostGroups.find(new LinuxKernel(), instance);
    }

    @AfterEach
    void close() {
        cgroups.close();
        started.forEach(Process::destroyForcibly);
    }

    private void needs(Controller controller) {
        Assumptions.assumeTrue(cgroups.controllers().contains(controller), () -> "no " + controller);
    }

    private Process run(Cgroup group, String script) throws IOException {
        Process process = Script.in(group.joins(), script);
        started.add(process);
        return process;
    }

    private static void await(Patience.Attempt condition) throws IOException {
        assertThat(new Patience(Duration.ofSeconds(60)).until(condition)).isTrue();
    }

    private static boolean isEmpty(Cgroup group) throws IOException {
        for (Path procs : group.joins()) {
            if (Files.exists(procs) && !Files.readString(procs).isEmpty()) {
                return false;
            }
        }
        return true;
    }

    private static int members(Cgroup group) throws IOException {
        return Text.pids(Files.readString(group.joins().getFirst())).size();
    }

    @Test
    void aMemoryHogIsKilledAndCounted() throws Exception {
        needs(Controller.MEMORY);
        Cgroup group = cgroups.create("hog", new SandboxLimits(32 << 20, 1, 16, 0, 0));
        Process hog = run(group, "exec perl -e 'my $x = \"a\" x (256 << 20); print length $x'");
        assertThat(hog.waitFor()).isEqualTo(128 + 9);
        Usage usage = group.usage();
        assertThat(usage.oomKills()).isPositive();
        assertThat(usage.memoryPeak()).isBetween(16L << 20, 33L << 20);
        group.close();
        assertThat(group.usage().oomKills()).isEqualTo(usage.oomKills());
    }

    @Test
    void aForkBombIsBoundedCountedAndEnded() throws Exception {
        needs(Controller.PIDS);
        try (Cgroup group = cgroups.create("bomb", new SandboxLimits(256 << 20, 1, 24, 0, 0))) {
            run(group, Script.FORK_BOMB);
            await(() -> group.usage().pidsRefused() > 100);
            assertThat(members(group)).isBetween(1, 24);
            group.kill();
            assertThat(isEmpty(group)).isTrue();
            Process next = run(group, "exit 7");
            assertThat(next.waitFor()).isEqualTo(7);
        }
    }

    @Test
    void aBusyLoopIsThrottledAndCounted() throws Exception {
        needs(Controller.CPU);
        try (Cgroup group = cgroups.create("busy", new SandboxLimits(256 << 20, 0.2, 16, 0, 0))) {
            run(group, "while :; do :; done");
            await(() -> group.usage().throttled().compareTo(Duration.ofMillis(100)) > 0);
            assertThat(group.usage().cpu()).isPositive();
            group.kill();
            assertThat(isEmpty(group)).isTrue();
        }
    }

    @Test
    void aProcessThatRunsFreelyIsNotThrottledKilledOrRefused() throws Exception {
        try (Cgroup group = cgroups.create("free", LIMITS)) {
            assertThat(run(group, "exit 3").waitFor()).isEqualTo(3);
            Usage usage = group.usage();
            assertThat(usage.oomKills()).isZero();
            assertThat(usage.pidsRefused()).isZero();
            assertThat(usage.cpu()).isLessThan(Duration.ofMinutes(1));
        }
    }

    @Test
    void killsWhatIgnoresSignalsIsStoppedOrHidInAGroupBelow() throws Exception {
        Cgroup group = cgroups.create("stubborn", LIMITS);
        List<Process> processes = List.of(
                run(group, "trap '' TERM INT HUP; sleep 1000 & wait"),
                run(group, "kill -STOP $$; exit 1"),
                run(group, "setsid sleep 1000 & exec sleep 1000"));
        Path below = Files.createDirectory(group.joins().getFirst().resolveSibling("below"));
        Process hidden = run(group, "echo $$ > '" + below.resolve("cgroup.procs") + "'; exec sleep 1000");
        await(() -> !Files.readString(below.resolve("cgroup.procs")).isEmpty());
        await(() -> members(group) >= 5);
        group.kill();
        assertThat(isEmpty(group)).isTrue();
        for (Process process : processes) {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(hidden.waitFor(60, TimeUnit.SECONDS)).isTrue();
        group.close();
        group.close();
        group.kill();
        assertThat(group.joins()).noneMatch(procs -> Files.exists(procs.resolveSibling("")));
    }

    @Test
    void closeOfTheServerLeavesNothing() throws Exception {
        Cgroup one = cgroups.create("one", LIMITS);
        Cgroup two = cgroups.create("two", LIMITS);
        Process left = run(one, "exec sleep 1000");
        await(() -> members(one) == 1);
        cgroups.close();
        cgroups.close();
        assertThat(left.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(Stream.concat(one.joins().stream(), two.joins().stream()))
                .noneMatch(procs -> Files.exists(procs.resolve("../..").normalize()));
        assertThatThrownBy(() -> cgroups.create("three", LIMITS)).isInstanceOf(IsolationException.class);
        one.close();
        assertThat(one.usage().oomKills()).isZero();
    }

    @Test
    void aRestartedServerEndsWhatAnEarlierOneLeftAndNothingElse() throws Exception {
        Cgroups other = find(instance + "-other");
        try (Cgroup untouched = other.create("a", LIMITS)) {
            Process stays = run(untouched, "exec sleep 1000");
            Cgroup leftover = cgroups.create("a", LIMITS);
            Process left = run(leftover, "exec sleep 1000");
            await(() -> members(leftover) == 1 && members(untouched) == 1);
            // Not closed: it is as if that server had been killed.
            cgroups = find(instance);
            assertThat(left.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(leftover.joins()).noneMatch(procs -> Files.exists(procs.resolveSibling("")));
            assertThat(stays.isAlive()).isTrue();
            assertThat(members(untouched)).isEqualTo(1);
        } finally {
            other.close();
        }
    }

    @Test
    void aGroupThatIsInUseIsNotTakenAndALeftoverIs() throws Exception {
        Cgroup used = cgroups.create("a", LIMITS);
        Process process = run(used, "exec sleep 1000");
        await(() -> members(used) == 1);
        assertThatThrownBy(() -> cgroups.create("a", LIMITS)).isInstanceOf(IsolationException.class);
        assertThat(process.isAlive()).isTrue();
        used.close();

        Path stray = used.joins().getFirst().resolveSibling("");
        Files.createDirectory(stray);
        Files.writeString(
                stray.resolve("cgroup.procs"),
                Long.toString(
                        run(cgroups.create("b", LIMITS), "exec sleep 1000").pid()));
        try (Cgroup again = cgroups.create("a", LIMITS)) {
            assertThat(isEmpty(again)).isTrue();
        }
    }

    @Test
    void namesAndInstancesCannotLeaveTheParent() {
        for (String name : List.of("", "..", "a/b", "A", "_trial", "a b", "x".repeat(201))) {
            assertThatThrownBy(() -> cgroups.create(name, LIMITS)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> Cgroups.find(Optional.empty(), name)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> Cgroups.find(Optional.empty(), "server")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aLimitThatTheKernelRefusesLeavesNoGroup() {
        needs(Controller.PIDS);
        assertThatThrownBy(() -> cgroups.create("refused", new SandboxLimits(256 << 20, 1, -5, 0, 0)))
                .isInstanceOf(IsolationException.class);
        try (Cgroup group = cgroups.create("refused", LIMITS)) {
            assertThat(group.usage().pidsRefused()).isZero();
        }
    }

    @Test
    void manyAtOnce() throws Exception {
        List<Future<Integer>> ends = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 40; i++) {
                String name = "many-" + i;
                ends.add(threads.submit(() -> {
                    try (Cgroup group = cgroups.create(name, LIMITS)) {
                        return Script.in(group.joins(), "exit 5").waitFor();
                    }
                }));
            }
        }
        for (Future<Integer> end : ends) {
            assertThat(end.get()).isEqualTo(5);
        }
    }
}
