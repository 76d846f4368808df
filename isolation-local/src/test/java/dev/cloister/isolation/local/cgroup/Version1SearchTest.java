package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What an operator is told where version 1 gives nothing. What it gives is in {@link CgroupsHostTest}. */
class Version1SearchTest {
    private static String why(String options, Optional<Path> configured) {
        FakeKernel kernel = new FakeKernel();
        kernel.proc("""
                31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct %1$s - cgroup cgroup rw,cpu,cpuacct
                34 30 0:31 / /sys/fs/cgroup/memory %1$s - cgroup cgroup rw,memory
                """.formatted(options), "4:memory:/\n");
        return new Search(kernel, new Patience(Duration.ZERO), configured, "one", FakeKernel.PROC)
                .run()
                .toString();
    }

    @Test
    void saysWhatToMakeAndToWhomToGiveIt() {
        assertThat(why("rw", Optional.empty()))
                .startsWith("Missing")
                .contains(
                        "As root: mkdir -p /sys/fs/cgroup/cpu,cpuacct/cloister && chown 1000 /sys/fs/cgroup/cpu,cpuacct/cloister"
                                + " && mkdir -p /sys/fs/cgroup/memory/cloister && chown 1000 /sys/fs/cgroup/memory/cloister",
                        "isolation.cgroup-parent: /cloister");
        assertThat(why("rw", Optional.of(Path.of("/given"))))
                .contains("mkdir -p /sys/fs/cgroup/memory/given && chown 1000 /sys/fs/cgroup/memory/given")
                .doesNotContain("cgroup-parent");
    }

    @Test
    void aContainerNeedsAWritableMount() {
        assertThat(why("ro", Optional.empty())).contains("--cgroupns=private").doesNotContain("chown");
    }

    @Test
    void saysSoWhereNothingIsMounted() {
        FakeKernel kernel = new FakeKernel();
        kernel.proc("", "0::/\n");
        assertThat(new Search(kernel, new Patience(Duration.ZERO), Optional.empty(), "one", FakeKernel.PROC).run())
                .isEqualTo(new CgroupSearch.Missing(Findings.notMounted()));
        assertThat(new Search(new FakeKernel(), new Patience(Duration.ZERO), Optional.empty(), "one", FakeKernel.PROC)
                        .run())
                .isInstanceOf(CgroupSearch.Missing.class);
    }
}
