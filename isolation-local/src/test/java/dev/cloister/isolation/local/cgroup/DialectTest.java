package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.SandboxLimits;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DialectTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(1 << 30, 1.5, 64, 0, 0);

    private static List<String> written(Dialect dialect) {
        return dialect.limits("a", LIMITS).stream()
                .map(setting -> setting.file() + " = " + setting.value())
                .toList();
    }

    @Test
    void version1BoundsMemoryBeforeMemoryWithSwap() {
        Version1 dialect = new Version1(
                Map.of(
                        "memory",
                        Path.of("/m/p"),
                        "cpu",
                        Path.of("/c/p"),
                        "cpuacct",
                        Path.of("/c/p"),
                        "pids",
                        Path.of("/p/p")),
                true);
        assertThat(written(dialect))
                .containsExactly(
                        "/m/p/a/memory.limit_in_bytes = 1073741824",
                        "/m/p/a/memory.memsw.limit_in_bytes = 1073741824",
                        "/c/p/a/cpu.cfs_period_us = 100000",
                        "/c/p/a/cpu.cfs_quota_us = 150000",
                        "/p/p/a/pids.max = 64");
        assertThat(dialect.groups("a")).containsExactly(Path.of("/c/p/a"), Path.of("/m/p/a"), Path.of("/p/p/a"));
        assertThat(dialect.controllers()).containsExactly(Controller.MEMORY, Controller.CPU, Controller.PIDS);
    }

    @Test
    void version1WritesNothingForWhatItDoesNotHave() {
        Version1 dialect = new Version1(Map.of("freezer", Path.of("/f/p"), "memory", Path.of("/m/p")), false);
        assertThat(written(dialect)).containsExactly("/m/p/a/memory.limit_in_bytes = 1073741824");
        assertThat(dialect.controllers()).containsExactly(Controller.MEMORY, Controller.FREEZER);
    }

    @Test
    void version2LeavesNoSwapToEscapeTo() {
        Version2 dialect = new Version2(Path.of("/g/p"), EnumSet.allOf(Controller.class), true);
        assertThat(written(dialect))
                .containsExactly(
                        "/g/p/a/memory.max = 1073741824",
                        "/g/p/a/memory.swap.max = 0",
                        "/g/p/a/memory.oom.group = 0",
                        "/g/p/a/cpu.max = 150000 100000",
                        "/g/p/a/pids.max = 64");
        assertThat(written(new Version2(Path.of("/g/p"), Set.of(Controller.PIDS), false)))
                .containsExactly("/g/p/a/pids.max = 64");
    }

    @Test
    void aTinyShareIsTheLeastThatTheKernelTakes() {
        assertThat(Dialect.quotaMicros(0.001)).isEqualTo("1000");
        assertThat(Dialect.quotaMicros(0.5)).isEqualTo("50000");
        assertThat(Dialect.quotaMicros(64)).isEqualTo("6400000");
    }
}
