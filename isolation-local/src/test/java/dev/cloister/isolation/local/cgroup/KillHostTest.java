package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.SandboxLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A fork bomb ends, also where the kernel has less to end it with than that of this host. */
@EnabledIf("dev.cloister.isolation.local.cgroup.HostGroups#canMakeOne")
class KillHostTest {
    private static final SandboxLimits LIMITS = new SandboxLimits(256 << 20, 1, 24, 0, 0);

    private final String instance = "kill-" + ProcessHandle.current().pid();
    private final List<Cgroups> opened = new ArrayList<>();
    private Cgroups bounded;

    @BeforeEach
    void find() throws IOException {
        bounded = find(new LinuxKernel());
    }

    private Cgroups find(Kernel kernel) throws IOException {
        Cgroups found = HostGroups.find(kernel, instance + opened.size());
        opened.add(found);
        Assumptions.assumeTrue(found.controllers().contains(Controller.PIDS), "nothing would bound the bomb");
        return found;
    }

    @AfterEach
    void close() {
        opened.forEach(Cgroups::close);
    }

    static Stream<Set<String>> absent() {
        return Stream.of(Set.of(), Set.of("cgroup.kill"), Set.of("cgroup.kill", "cgroup.freeze", "freezer.state"));
    }

    @ParameterizedTest
    @MethodSource("absent")
    void endsAForkBombWithWhatTheHostHas(Set<String> absent) throws IOException {
        Cgroups cgroups = find(new OldKernel(new LinuxKernel(), absent));
        try (Cgroup group = cgroups.create("bomb", LIMITS)) {
            endsABomb(group, group.joins());
        }
    }

    /** Where version 2 has no controllers, beside version 1, it still ends processes; version 1 keeps the bomb small. */
    @ParameterizedTest
    @MethodSource("absent")
    void endsAForkBombInVersion2(Set<String> absent) throws IOException {
        Path own = hybrid();
        Kernel kernel = new OldKernel(new LinuxKernel(), absent);
        Path parent = Files.createDirectory(own.resolve("cloister-" + instance));
        Cgroups version2 = new ServerCgroups(
                kernel,
                new Reaper(kernel, new Patience(Duration.ofSeconds(30))),
                new Version2(parent, Set.of(Controller.FREEZER), false));
        opened.add(version2);
        try (Cgroup limit = bounded.create("bomb", LIMITS);
                Cgroup group = version2.create("bomb", LIMITS)) {
            endsABomb(
                    group,
                    Stream.concat(limit.joins().stream(), group.joins().stream())
                            .toList());
            assertThat(group.usage().cpu()).isPositive();
        }
        version2.close();
        assertThat(parent).doesNotExist();
    }

    private static Path hybrid() throws IOException {
        String version2Alone = HostGroups.mountinfo()
                .lines()
                .filter(line -> line.contains(" - cgroup2 "))
                .findFirst()
                .orElse("");
        Hierarchies found = HostGroups.hierarchies(version2Alone);
        return switch (found) {
            case Hierarchies.Version2 version2 -> {
                Path own = version2.unified().own();
                Assumptions.assumeTrue(
                        Collections.disjoint(
                                Hierarchies.LIMITING, Text.words(Files.readString(own.resolve("cgroup.controllers")))),
                        "version 2 has the controllers");
                yield own;
            }
            case Hierarchies.Version1 version1 -> throw new AssertionError(version1.toString());
            case Hierarchies.None none -> {
                Assumptions.abort(none.toString());
                throw new AssertionError();
            }
        };
    }

    private static void endsABomb(Cgroup group, List<Path> joins) throws IOException {
        Process bomb = Script.in(joins, Script.FORK_BOMB);
        Path procs = group.joins().getFirst();
        assertThat(new Patience(Duration.ofSeconds(60))
                        .until(() -> Text.pids(Files.readString(procs)).size() > 20))
                .as("it spread")
                .isTrue();
        group.kill();
        assertThat(Files.readString(procs)).isEmpty();
        assertThat(waitFor(bomb)).isEqualTo(128 + 9);
    }

    private static int waitFor(Process process) {
        return process.onExit().join().exitValue();
    }
}
