package dev.cloister.isolation.local.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchPlan.Landlock;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.Limit;
import dev.cloister.isolation.local.launch.LaunchPlan.Root;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.spi.Forward;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
    private static final LaunchPlan BARE = new LaunchPlan(
            Optional.empty(),
            Set.of(),
            Optional.empty(),
            List.of(),
            Optional.empty(),
            SystemCalls.UNFILTERED,
            List.of(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            "/w",
            Map.of("TOKEN", "s3cret"),
            List.of("/bin/echo", "--ids", ""));

    private static List<String> of(LaunchPlan plan) {
        return Arguments.of(Path.of("/run/launch"), List.of("--control", "/run/c", "--id", "x"), plan);
    }

    @Test
    void whatIsNotInThePlanIsNotAskedFor() {
        assertThat(of(BARE))
                .containsExactly(
                        "/run/launch",
                        "--control",
                        "/run/c",
                        "--id",
                        "x",
                        "--cwd",
                        "/w",
                        "--",
                        "/bin/echo",
                        "--ids",
                        "");
    }

    @Test
    void everyLayerIsAskedForInWords() {
        LaunchPlan full = new LaunchPlan(
                Optional.of(new Ids(7000, 7001)),
                Set.of(Namespace.USER, Namespace.PID, Namespace.MOUNT),
                Optional.of(new Root(
                        Path.of("/base"),
                        Path.of("/jail"),
                        List.of(
                                new Step.Readable(Path.of("/usr"), "/usr"),
                                new Step.Writable(Path.of("/w/work"), "/workspace"),
                                new Step.Device("/dev/null"),
                                new Step.Temporary(99, "/tmp"),
                                new Step.Processes("/proc")))),
                List.of(new Limit("nofile", 5)),
                Optional.of(new Landlock(LandlockLevel.SCOPES, List.of("/"), List.of("/workspace"))),
                SystemCalls.FILTERED,
                List.of(Path.of("/cg/cgroup.procs")),
                Optional.of("/w/tmp/x"),
                Optional.of(new Forward(3128, "/run/cloister/x/egress")),
                Optional.of(Path.of("/srv/run/x/in")),
                "/workspace",
                Map.of(),
                List.of("true"));
        assertThat(String.join(" ", of(full)))
                .isEqualTo("/run/launch --control /run/c --id x --ids 7000 7001 --cgroup /cg/cgroup.procs"
                        + " --unshare user,mount,pid --root /base /jail --bind-read /usr /usr"
                        + " --bind-write /w/work /workspace --device /dev/null"
                        + " --tmpfs 99 /tmp --proc /proc --rlimit nofile=5 --tmp /w/tmp/x --forward 3128 /run/cloister/x/egress --expose /srv/run/x/in"
                        + " --landlock files,tcp,scope --allow-read / --allow-write /workspace --seccomp"
                        + " --cwd /workspace -- true");
        assertThat(of(full.withSystemCalls(SystemCalls.FILTERED_SHARED))).contains("--seccomp-shared");
    }

    @Test
    void nothingOfTheEnvironmentIsOnTheCommandLine() {
        assertThat(of(BARE)).noneMatch(argument -> argument.contains("s3cret"));
        assertThat(new String(Arguments.environmentBlock(BARE), StandardCharsets.UTF_8))
                .isEqualTo("TOKEN=s3cret\0");
    }

    @Test
    void aRefusalNamesTheLayerAndTheError() {
        LaunchFailure failure =
                LaunchFailure.parse("failed mount 13 /w/work is here").orElseThrow();
        assertThat(failure).isEqualTo(new LaunchFailure("mount", 13, "/w/work is here"));
        assertThat(failure.finding().why()).isEqualTo("the launcher stopped at \"mount\": /w/work is here: EACCES");
        assertThat(LaunchFailure.parse("failed mount x y")).isEmpty();
    }
}
