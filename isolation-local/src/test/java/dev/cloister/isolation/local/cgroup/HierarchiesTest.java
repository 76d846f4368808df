package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.cgroup.Hierarchies.Hierarchy;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class HierarchiesTest {
    private static final String ROOT = "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n";

    private static Path at(String path) {
        return Path.of("/sys/fs/cgroup").resolve(path);
    }

    @Test
    void findsEachControllerOfVersion1InItsOwnHierarchy() {
        Hierarchies found = Hierarchies.of(ROOT + """
                        30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
                        31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct
                        34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
                        38 30 0:35 / /sys/fs/cgroup/pids ro,relatime - cgroup cgroup rw,pids
                        39 30 0:36 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
                        """, """
                8:pids:/
                4:memory:/system.slice/cloister.service
                2:cpu,cpuacct:/user:a
                1:name=systemd:/x
                0::/unified
                """, path -> true);
        assertThat(found)
                .isInstanceOfSatisfying(
                        Hierarchies.Version1.class,
                        version1 -> assertThat(version1.hierarchies())
                                .hasSize(4)
                                .containsEntry("cpu", new Hierarchy(at("cpu,cpuacct"), at("cpu,cpuacct/user:a"), false))
                                .containsEntry(
                                        "cpuacct", new Hierarchy(at("cpu,cpuacct"), at("cpu,cpuacct/user:a"), false))
                                .containsEntry(
                                        "memory",
                                        new Hierarchy(at("memory"), at("memory/system.slice/cloister.service"), false))
                                .containsEntry("pids", new Hierarchy(at("pids"), at("pids"), true)));
    }

    @Test
    void takesAHybridHostForVersion1() {
        Hierarchies found = Hierarchies.of("""
                34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
                40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
                """, "4:memory:/\n0::/\n", path -> true);
        assertThat(found).isInstanceOf(Hierarchies.Version1.class);
    }

    @Test
    void takesVersion2WhereVersion1HasNothingThatBounds() {
        Hierarchies found =
                Hierarchies.of("""
                30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
                39 30 0:36 / /run/systemd/cgroup rw,relatime - cgroup cgroup rw,name=systemd
                40 30 0:37 / /run/freezer rw,relatime - cgroup cgroup rw,freezer
                """, "3:freezer:/\n1:name=systemd:/\n0::/system.slice/cloister.service\n", path -> true);
        assertThat(found)
                .isEqualTo(new Hierarchies.Version2(new Hierarchy(at(""), at("system.slice/cloister.service"), false)));
    }

    @Test
    void seesItsOwnGroupAtTheTopInACgroupNamespace() {
        Hierarchies found = Hierarchies.of(
                "30 22 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n", "0::/\n", path -> true);
        assertThat(found).isEqualTo(new Hierarchies.Version2(new Hierarchy(at(""), at(""), true)));
    }

    @Test
    void takesTheTopOfTheMountWhereThePathIsTheHosts() {
        String mount = "40 39 0:31 /docker/4f2a /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n";
        for (String own : new String[] {"/docker/4f2a", "/other", "/../x"}) {
            assertThat(Hierarchies.of(mount, "4:memory:" + own + "\n", path -> true))
                    .as(own)
                    .isInstanceOfSatisfying(
                            Hierarchies.Version1.class,
                            version1 -> assertThat(version1.hierarchies())
                                    .containsEntry("memory", new Hierarchy(at("memory"), at("memory"), true)));
        }
        assertThat(Hierarchies.of(mount, "4:memory:/docker/4f2a/inner\n", path -> true))
                .isInstanceOfSatisfying(
                        Hierarchies.Version1.class,
                        version1 -> assertThat(version1.hierarchies())
                                .containsEntry("memory", new Hierarchy(at("memory"), at("memory/inner"), true)));
        assertThat(Hierarchies.of(mount, "4:memory:/docker/4f2a/gone\n", path -> !path.endsWith("gone")))
                .isInstanceOfSatisfying(
                        Hierarchies.Version1.class,
                        version1 -> assertThat(version1.hierarchies())
                                .containsEntry("memory", new Hierarchy(at("memory"), at("memory"), true)));
    }

    @Test
    void prefersTheMountThatShowsItsGroup() {
        Hierarchies found = Hierarchies.of("""
                40 39 0:31 /other /mnt rw - cgroup2 cgroup rw
                41 39 0:31 / /sys/fs/a\\040b rw - cgroup2 cgroup rw
                """, "0::/own\n", path -> true);
        assertThat(found)
                .isEqualTo(new Hierarchies.Version2(
                        new Hierarchy(Path.of("/sys/fs/a b"), Path.of("/sys/fs/a b/own"), false)));
    }

    @Test
    void findsNothingWhereNothingIsMountedOrReadable() {
        assertThat(Hierarchies.of(ROOT, "0::/\n", path -> true)).isEqualTo(new Hierarchies.None());
        assertThat(Hierarchies.of("", "", path -> true)).isEqualTo(new Hierarchies.None());
        assertThat(Hierarchies.of("1 2 - cgroup2\n - \n\n- a b c\n", "nonsense\n:\n", path -> true))
                .isEqualTo(new Hierarchies.None());
    }

    @Test
    void aConfiguredGroupIsADirectoryOrAPathWithin() {
        Hierarchy memory = new Hierarchy(at("memory"), at("memory"), false);
        assertThat(memory.named(Path.of("/cloister"))).isEqualTo(at("memory/cloister"));
        assertThat(memory.named(Path.of("cloister/a"))).isEqualTo(at("memory/cloister/a"));
        assertThat(memory.named(at("memory/cloister"))).isEqualTo(at("memory/cloister"));
        assertThat(memory.named(Path.of("/../../etc"))).isEqualTo(at("memory/etc"));
    }
}
