package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

class Version2SearchTest {
    private static final Path TOP = Path.of("/sys/fs/cgroup");
    private static final Path SERVICE = TOP.resolve("service");
    private static final Path LEAF = SERVICE.resolve("cloister-server");
    private static final Path PARENT = SERVICE.resolve("cloister-one");
    private static final String ALL = "cpuset cpu io memory pids";
    private static final SandboxLimits LIMITS = new SandboxLimits(1 << 26, 0.5, 16, 0, 0);

    private static CgroupSearch search(FakeKernel kernel, Optional<Path> configured) {
        return new Search(kernel, new Patience(Duration.ofMillis(20)), configured, "one", FakeKernel.PROC).run();
    }

    private static CgroupSearch.Found found(CgroupSearch search) {
        return switch (search) {
            case CgroupSearch.Found found -> found;
            case CgroupSearch.Missing(Finding why) -> Assertions.fail(why.toString());
        };
    }

    private static Finding missing(CgroupSearch search) {
        return switch (search) {
            case CgroupSearch.Found found -> Assertions.fail("found " + found);
            case CgroupSearch.Missing(Finding why) -> why;
        };
    }

    @Test
    void movesOnlyItselfOutOfTheWay() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service", ALL).with(SERVICE, FakeKernel.SERVER);
        CgroupSearch.Found found = found(search(kernel, Optional.empty()));
        assertThat(found.missing()).isEmpty();
        assertThat(found.cgroups().controllers()).containsExactlyInAnyOrder(Controller.values());
        assertThat(kernel.members(LEAF)).containsExactly(FakeKernel.SERVER);
        assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, SERVICE, LEAF, PARENT);
    }

    @Test
    void saysSoWhenOthersAreInTheWay() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service", ALL).with(SERVICE, FakeKernel.SERVER, 77L);
        CgroupSearch.Found found = found(search(kernel, Optional.empty()));
        assertThat(found.cgroups().controllers()).containsExactly(Controller.FREEZER);
        assertThat(found.missing())
                .hasSize(4)
                .allSatisfy(finding -> assertThat(finding.why()).contains("busy", "1 processes in " + SERVICE))
                .allSatisfy(finding -> assertThat(finding.remedy()).contains("DelegateSubgroup=cloister-server"));
        assertThat(kernel.members(SERVICE)).containsExactlyInAnyOrder(FakeKernel.SERVER, 77L);
        assertThat(kernel.groups()).doesNotContain(LEAF);
    }

    @Test
    void theTopOfAMachineMayHaveProcesses() {
        FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL).topIsTheMachines();
        CgroupSearch.Found found = found(search(kernel, Optional.empty()));
        assertThat(found.missing()).isEmpty();
        assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, TOP.resolve("cloister-one"));
    }

    @Test
    void aRestartedServerFindsItsParentFromItsLeaf() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service/cloister-server", ALL)
                .with(SERVICE)
                .with(LEAF, FakeKernel.SERVER)
                .with(PARENT)
                .with(PARENT.resolve("left"), 78L)
                .with(SERVICE.resolve("cloister-two"), 79L);
        CgroupSearch.Found found = found(search(kernel, Optional.empty()));
        assertThat(found.missing()).isEmpty();
        assertThat(kernel.groups())
                .containsExactlyInAnyOrder(TOP, SERVICE, LEAF, PARENT, SERVICE.resolve("cloister-two"));
        assertThat(kernel.members(SERVICE.resolve("cloister-two"))).containsExactly(79L);
        found.cgroups().close();
        found.cgroups().close();
        assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, SERVICE, LEAF, SERVICE.resolve("cloister-two"));
    }

    @Test
    void namesEachControllerThatIsNotHandedToIt() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service", "memory pids").with(SERVICE, FakeKernel.SERVER);
        CgroupSearch.Found found = found(search(kernel, Optional.empty()));
        assertThat(found.cgroups().controllers())
                .containsExactlyInAnyOrder(Controller.MEMORY, Controller.PIDS, Controller.FREEZER);
        assertThat(found.missing())
                .extracting(Finding::what)
                .hasSize(2)
                .satisfiesExactly(
                        cpu -> assertThat(cpu).contains("controller cpu "),
                        io -> assertThat(io).contains("controller io "));
        assertThat(found.missing().getFirst().remedy())
                .contains("Delegate=yes", "echo +cpu > " + TOP.resolve("cgroup.subtree_control"));
    }

    @Test
    void withoutRightsItSaysWhatToDelegate() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service", ALL).with(SERVICE, FakeKernel.SERVER);
        kernel.forbidden.add(SERVICE);
        assertThat(missing(search(kernel, Optional.empty())).remedy())
                .contains("Delegate=yes", "DelegateSubgroup=cloister-server", "--cgroupns=private");
        assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, SERVICE);
        assertThat(kernel.members(SERVICE)).containsExactly(FakeKernel.SERVER);
        assertThat(missing(search(kernel, Optional.of(Path.of("/given")))).remedy())
                .contains(
                        "mkdir -p /sys/fs/cgroup/given && chown 1000 /sys/fs/cgroup/given /sys/fs/cgroup/given/cgroup.procs");
    }

    @Test
    void aConfiguredGroupIsNotLeftForALeaf() throws IOException {
        Path given = TOP.resolve("given");
        FakeKernel kernel = FakeKernel.version2(TOP, "/service", ALL)
                .with(SERVICE, FakeKernel.SERVER)
                .with(given);
        CgroupSearch.Found found = found(search(kernel, Optional.of(given)));
        assertThat(found.missing()).isEmpty();
        assertThat(kernel.members(SERVICE)).containsExactly(FakeKernel.SERVER);
        assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, SERVICE, given, given.resolve("cloister-one"));
    }

    @Test
    void neverKillsTheGroupItRunsIn() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/service/cloister-one/a", ALL)
                .with(SERVICE)
                .with(PARENT)
                .with(PARENT.resolve("a"), FakeKernel.SERVER, 80L);
        assertThat(missing(search(kernel, Optional.of(SERVICE))).why()).contains("runs inside " + PARENT);
        assertThat(kernel.members(PARENT.resolve("a"))).containsExactlyInAnyOrder(FakeKernel.SERVER, 80L);
    }

    @Test
    void killsWithoutTheHelpOfAnOldKernel() throws IOException {
        for (String[] absent : List.of(new String[] {"cgroup.kill"}, new String[] {"cgroup.kill", "cgroup.freeze"})) {
            FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL, absent).topIsTheMachines();
            CgroupSearch.Found found = found(search(kernel, Optional.empty()));
            assertThat(found.missing()).hasSize(absent.length - 1);
            Cgroup group = found.cgroups().create("a", LIMITS);
            kernel.write(group.joins().getFirst(), "81");
            Path below = TOP.resolve("cloister-one/a/below");
            kernel.makeGroup(below);
            kernel.write(below.resolve("cgroup.procs"), "82");
            group.close();
            assertThat(kernel.groups()).containsExactlyInAnyOrder(TOP, TOP.resolve("cloister-one"));
        }
    }

    @Test
    void keepsThePeakWhereTheKernelDoesNot() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL, "memory.peak").topIsTheMachines();
        Cgroup group = found(search(kernel, Optional.empty())).cgroups().create("a", LIMITS);
        Path current = TOP.resolve("cloister-one/a/memory.current");
        for (String bytes : List.of("10", "500", "20")) {
            kernel.put(current, bytes);
            assertThat(group.usage().memory()).isEqualTo(Long.parseLong(bytes));
        }
        assertThat(group.usage().memoryPeak()).isEqualTo(500);
        group.close();
        assertThat(group.usage().memoryPeak()).isEqualTo(500);
        assertThat(group.usage().cpu()).isEqualTo(Duration.ofNanos(7000));
    }

    @Test
    void readsTheEventsOfVersion2() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL).topIsTheMachines();
        Cgroup group = found(search(kernel, Optional.empty())).cgroups().create("a", LIMITS);
        Path directory = TOP.resolve("cloister-one/a");
        kernel.put(directory.resolve("cpu.stat"), "usage_usec 30\nnr_throttled 2\nthrottled_usec 20\n");
        kernel.put(directory.resolve("memory.current"), "10\n");
        kernel.put(directory.resolve("memory.peak"), "11\n");
        kernel.put(directory.resolve("memory.events"), "oom 5\noom_kill 4\n");
        kernel.put(directory.resolve("pids.events"), "max 3\n");
        assertThat(group.usage())
                .isEqualTo(new Usage(Duration.ofNanos(30_000), Duration.ofNanos(20_000), 10, 11, 4, 3));
    }

    @Test
    void whatCannotBeKilledIsReportedAndLeft() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL).topIsTheMachines();
        Cgroups cgroups = found(search(kernel, Optional.empty())).cgroups();
        Cgroup group = cgroups.create("a", LIMITS);
        // The fake never lets the server be killed, as little as a kernel lets go of a process that waits for a disk.
        kernel.write(group.joins().getFirst(), Long.toString(FakeKernel.SERVER));
        Assertions.assertThatThrownBy(group::close)
                .isInstanceOfSatisfying(
                        IsolationException.class,
                        e -> assertThat(e.finding().why()).contains("1 processes were left"));
        Assertions.assertThatThrownBy(cgroups::close).isInstanceOf(IsolationException.class);
        kernel.write(TOP.resolve("cgroup.procs"), "0");
        cgroups.close();
        assertThat(kernel.groups()).isEqualTo(Set.of(TOP));
    }

    @Test
    void aGroupThatCouldNotBeClosedDoesNotTouchItsSuccessor() throws IOException {
        FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL).topIsTheMachines();
        Cgroups cgroups = found(search(kernel, Optional.empty())).cgroups();
        Cgroup group = cgroups.create("a", LIMITS);
        kernel.write(group.joins().getFirst(), Long.toString(FakeKernel.SERVER));
        Assertions.assertThatThrownBy(group::close).isInstanceOf(IsolationException.class);
        kernel.write(TOP.resolve("cgroup.procs"), "0");

        Cgroup successor = cgroups.create("a", LIMITS);
        kernel.write(successor.joins().getFirst(), "83");
        group.kill();
        group.close();
        assertThat(kernel.members(TOP.resolve("cloister-one/a"))).containsExactly(83L);
    }

    @Test
    void nothingForksAwayFromTheSignals() throws IOException {
        for (String[] absent : List.of(new String[] {"cgroup.kill"}, new String[] {"cgroup.kill", "cgroup.freeze"})) {
            FakeKernel kernel = FakeKernel.version2(TOP, "/", ALL, absent).topIsTheMachines();
            Cgroup group = found(search(kernel, Optional.empty())).cgroups().create("a", LIMITS);
            kernel.write(group.joins().getFirst(), "84");
            kernel.forking = true;
            group.kill();
            assertThat(kernel.members(TOP.resolve("cloister-one/a"))).isEmpty();
            assertThat(kernel.read(TOP.resolve("cloister-one/a/pids.max"))).isEqualTo("16");
        }
    }
}
