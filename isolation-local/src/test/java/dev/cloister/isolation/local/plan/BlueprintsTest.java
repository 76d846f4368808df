package dev.cloister.isolation.local.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.Limit;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The plans of all modes, for hosts that this one need not be. */
class BlueprintsTest {
    private static final Path RUN = Path.of("/srv/run");
    private static final Path SHARE = RUN.resolve("share");
    private static final IsolationConfig CONFIG = new IsolationConfig(
            RUN,
            List.of(Path.of("/opt/agent")),
            new SandboxLimits(1 << 30, 2, 100, 4096, 256),
            Optional.empty(),
            Path.of("/srv/jails"));
    private static final SandboxSpec TENANT =
            new SandboxSpec("t", 7000, Path.of("/w/t/work"), Path.of("/w/t/home"), Path.of("/w/t/tmp"));
    private static final SystemFiles SYSTEM = new SystemFiles(List.of("/usr"), List.of("/etc/ssl"));
    private static final Path TEMPLATE = Path.of("/srv/jails/one");
    private static final Abilities ROOT_HOST = new Abilities(
            true, EnumSet.allOf(Namespace.class), true, Optional.of(LandlockLevel.SCOPES), true, List.of());
    private static final Abilities USER_HOST = new Abilities(
            false, EnumSet.allOf(Namespace.class), true, Optional.of(LandlockLevel.SCOPES), true, List.of());
    private static final Abilities BARE_HOST =
            new Abilities(false, Set.of(), false, Optional.empty(), false, List.of());
    private static final ProcessSpec PROCESS = new ProcessSpec(
            List.of("echo"), Map.of("HOME", "/elsewhere", "TMPDIR", "/elsewhere", "PATH", "/own/bin"), "/cwd");

    private static LaunchPlan plan(Blueprint blueprint) {
        return blueprint.plan(TENANT, PROCESS, SHARE, List.of(Path.of("/cg/cgroup.procs")), "launch");
    }

    private static Blueprint directories(Abilities abilities) {
        return new DirectoriesBlueprint(CONFIG, abilities, SYSTEM);
    }

    private static Blueprint namespaces(Abilities abilities) {
        return PrivateRootBlueprint.namespaces(
                new PrivateRoot(CONFIG, abilities, RUN.resolve("root")), TEMPLATE, SYSTEM);
    }

    private static Blueprint chroot(Abilities abilities) {
        return PrivateRootBlueprint.chroot(new PrivateRoot(CONFIG, abilities, RUN.resolve("root")), TEMPLATE);
    }

    @Test
    void aRootServerGivesUidsAndAnOrdinaryUserHasNoneToGive() {
        for (Blueprint blueprint : List.of(directories(ROOT_HOST), namespaces(ROOT_HOST), chroot(ROOT_HOST))) {
            assertThat(plan(blueprint).ids()).contains(new Ids(7000, 7000));
            assertThat(plan(blueprint).limits())
                    .contains(new Limit("nofile", 256), new Limit("core", 0), new Limit("nproc", 200));
        }
        for (Blueprint blueprint : List.of(directories(USER_HOST), namespaces(USER_HOST), chroot(USER_HOST))) {
            assertThat(plan(blueprint).ids()).isEmpty();
            assertThat(plan(blueprint).limits()).noneMatch(limit -> limit.name().equals("nproc"));
        }
    }

    @Test
    void theSandboxDecidesWhereHomeAndTmpAre() {
        assertThat(plan(directories(ROOT_HOST)).environment())
                .containsEntry("HOME", "/w/t/home")
                .containsEntry("TMPDIR", "/w/t/tmp/launch")
                .containsEntry("PATH", "/own/bin");
        assertThat(plan(namespaces(ROOT_HOST)).environment())
                .containsEntry("HOME", "/home/agent")
                .containsEntry("TMPDIR", "/tmp");
    }

    @Test
    void inDirectoriesLandlockNamesWhatMayBeReached() {
        var landlock = plan(directories(USER_HOST)).landlock().orElseThrow();
        assertThat(landlock.level()).isEqualTo(LandlockLevel.SCOPES);
        assertThat(landlock.readable()).containsExactly("/usr", "/etc/ssl", "/proc", SHARE.toString(), "/opt/agent");
        assertThat(landlock.writable())
                .contains("/w/t/work", "/w/t/home", "/w/t/tmp", "/dev/null")
                .doesNotContain("/dev/shm", "/dev", "/tmp");
        assertThat(plan(directories(ROOT_HOST)).landlock().orElseThrow().writable())
                .as("what is shared there has an owner")
                .contains("/dev/shm");
        assertThat(plan(directories(ROOT_HOST)).systemCalls()).isEqualTo(SystemCalls.FILTERED_SHARED);
    }

    @Test
    void aHostWithNothingGetsAPlanWithNothing() {
        LaunchPlan bare = plan(directories(BARE_HOST));
        assertThat(bare.landlock()).isEmpty();
        assertThat(bare.namespaces()).isEmpty();
        assertThat(bare.systemCalls()).isEqualTo(SystemCalls.UNFILTERED);
    }

    @Test
    void aPrivateRootShowsTheTenantsOwnAndNoOthers() {
        LaunchPlan plan = plan(namespaces(ROOT_HOST));
        List<Step> steps = plan.root().orElseThrow().steps();
        assertThat(steps)
                .contains(
                        new Step.Readable(Path.of("/usr"), "/usr"),
                        new Step.Readable(Path.of("/opt/agent"), "/opt/agent"),
                        new Step.Writable(Path.of("/w/t/work"), "/workspace"),
                        new Step.Writable(Path.of("/w/t/home"), "/home/agent"),
                        new Step.Readable(SHARE, "/run/cloister"),
                        new Step.Temporary(4096, "/tmp"),
                        new Step.Processes("/proc"));
        assertThat(steps.stream().filter(Step.Writable.class::isInstance)).hasSize(2);
        assertThat(plan.namespaces()).isEqualTo(EnumSet.allOf(Namespace.class));
        assertThat(plan.systemCalls()).isEqualTo(SystemCalls.FILTERED);
        var landlock = plan.landlock().orElseThrow();
        assertThat(landlock.level()).as("TCP in a network of its own").isEqualTo(LandlockLevel.FILES);
        assertThat(landlock.writable()).doesNotContain("/", "/proc", "/run/cloister");
    }

    @Test
    void withoutANetworkOfItsOwnTheHostsIsClosed() {
        Abilities mountOnly =
                new Abilities(true, EnumSet.of(Namespace.MOUNT), true, Optional.of(LandlockLevel.TCP), true, List.of());
        for (Blueprint blueprint : List.of(namespaces(mountOnly), chroot(mountOnly))) {
            assertThat(plan(blueprint).systemCalls()).isEqualTo(SystemCalls.FILTERED_SHARED);
            assertThat(plan(blueprint).landlock().orElseThrow().level()).isEqualTo(LandlockLevel.TCP);
            assertThat(blueprint.endsByKernel()).isFalse();
        }
    }

    @Test
    void allTenantsHaveOneTemplate() {
        for (Blueprint blueprint : List.of(namespaces(ROOT_HOST), chroot(ROOT_HOST))) {
            LaunchPlan.Root root = plan(blueprint).root().orElseThrow();
            assertThat(root.template()).isEqualTo(TEMPLATE);
            assertThat(root.steps()).contains(new Step.Readable(SHARE.resolve("passwd"), "/etc/passwd"));
            assertThat(blueprint.furnishing(TENANT).get("passwd")).contains("agent:x:7000:7000:");
        }
    }

    @Test
    void aProgramBelowTheTenantsTmpIsMountedOnIt() {
        List<Step> steps = plan(namespaces(ROOT_HOST)).root().orElseThrow().steps();
        assertThat(steps.indexOf(new Step.Temporary(4096, "/tmp")))
                .isLessThan(steps.indexOf(new Step.Readable(Path.of("/opt/agent"), "/opt/agent")));
        assertThat(plan(chroot(ROOT_HOST)).root().orElseThrow().steps())
                .as("a jail has its programs")
                .doesNotContain(new Step.Readable(Path.of("/opt/agent"), "/opt/agent"));
    }

    @Test
    void aJailsProgramBelowTheTenantsTmpIsMountedFromTheJailBehindIt() {
        IsolationConfig below = new IsolationConfig(
                RUN, List.of(Path.of("/tmp/x/agent")), CONFIG.limits(), Optional.empty(), CONFIG.jails());
        List<Step> steps = plan(PrivateRootBlueprint.chroot(
                        new PrivateRoot(below, ROOT_HOST, RUN.resolve("root")), TEMPLATE))
                .root()
                .orElseThrow()
                .steps();
        assertThat(steps.indexOf(new Step.Readable(TEMPLATE.resolve("tmp/x/agent"), "/tmp/x/agent")))
                .isGreaterThan(steps.indexOf(new Step.Temporary(4096, "/tmp")));
    }
}
