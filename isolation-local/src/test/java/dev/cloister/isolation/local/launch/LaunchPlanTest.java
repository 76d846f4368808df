package dev.cloister.isolation.local.launch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LaunchPlanTest {
    private static final LaunchPlan.Tools TOOLS =
            new LaunchPlan.Tools(Path.of("/setpriv"), Path.of("/perl"), Path.of("/run/supervise.pl"), 157);
    private static final SandboxSpec SANDBOX =
            new SandboxSpec("t", 7000, Path.of("/w/work"), Path.of("/w/home"), Path.of("/w/tmp"));

    private static LaunchPlan plan(boolean ownUid, Map<String, String> environment) {
        ProcessSpec process = new ProcessSpec(List.of("/bin/echo", "--reuid=0", ""), environment, "/w/work");
        return LaunchPlan.directories(TOOLS, SANDBOX, process, ownUid, 42, Path.of("/run/x"), Path.of("/w/tmp/x"));
    }

    @Test
    void aRootServerGivesUpEveryPrivilege() {
        assertThat(plan(true, Map.of()).argv())
                .containsExactly(
                        "/setpriv",
                        "--reuid=7000",
                        "--regid=7000",
                        "--clear-groups",
                        "--bounding-set=-all",
                        "--inh-caps=-all",
                        "--ambient-caps=-all",
                        "--no-new-privs",
                        "--pdeathsig=TERM",
                        "/perl",
                        "/run/supervise.pl",
                        "42",
                        "157",
                        "1",
                        "/run/x",
                        "/w/tmp/x",
                        "/w/work",
                        "/bin/echo",
                        "--reuid=0",
                        "");
    }

    @Test
    void anOrdinaryUserKeepsItsUidAndStillGainsNothing() {
        assertThat(plan(false, Map.of()).argv())
                .contains("--no-new-privs", "--inh-caps=-all", "--pdeathsig=TERM")
                .noneMatch(argument -> argument.startsWith("--regid") || argument.startsWith("--bounding-set"));
    }

    @Test
    void nothingOfTheEnvironmentIsOnTheCommandLine() {
        LaunchPlan plan = plan(true, Map.of("TOKEN", "s3cret"));
        assertThat(plan.argv()).noneMatch(argument -> argument.contains("s3cret"));
        assertThat(new String(plan.environmentBlock(), StandardCharsets.UTF_8).split("\0"))
                .contains("TOKEN=s3cret", "HOME=/w/home", "TMPDIR=/w/tmp/x");
    }

    @Test
    void aProcessCannotMoveItsHomeOrTmp() {
        assertThat(plan(true, Map.of("HOME", "/elsewhere", "TMPDIR", "/elsewhere", "PATH", "/own/bin"))
                        .environment())
                .containsEntry("HOME", "/w/home")
                .containsEntry("TMPDIR", "/w/tmp/x")
                .containsEntry("PATH", "/own/bin");
    }
}
