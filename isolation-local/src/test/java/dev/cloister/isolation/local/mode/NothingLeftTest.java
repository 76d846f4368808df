package dev.cloister.isolation.local.mode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sandboxes come and go by the thousand, and the host is as it was. */
class NothingLeftTest {
    /** A leak of one kind shows in far fewer; the thousand of a release check take as long as a fifth of all tests. */
    private static final int IN_A_ROW = Integer.getInteger("cloister.in-a-row", 100);

    private static final int AT_ONCE = 200;

    /** What could be left over, as far as it can be seen from outside. */
    private record Traces(Set<Long> processes, List<String> mounts, Set<Path> groups) {
        static Traces look() throws IOException {
            ProcessTable table = ProcessTable.read();
            Set<Long> below =
                    new TreeSet<>(table.trees(Set.of(ProcessHandle.current().pid())));
            below.remove(ProcessHandle.current().pid());
            return new Traces(below, findMounts(), findGroups());
        }

        /** Without those in temporary directories of others: modules that are tested at the same time have some there. */
        private static List<String> findMounts() throws IOException {
            Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
            return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                    .filter(line -> {
                        Path at = Path.of(line.split(" ", 3)[1]);
                        return !at.startsWith(temporary)
                                || at.equals(temporary)
                                || temporary
                                        .relativize(at)
                                        .getName(0)
                                        .toString()
                                        .matches("cloister-(test|jails).*");
                    })
                    .toList();
        }

        private static Set<Path> findGroups() throws IOException {
            Path root = Path.of("/sys/fs/cgroup");
            if (!Files.isDirectory(root)) {
                return Set.of();
            }
            try (Stream<Path> all = Files.walk(root, 5)) {
                return all.filter(path -> path.getFileName().toString().startsWith("cloister-"))
                        .collect(Collectors.toCollection(TreeSet::new));
            }
        }
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = IsolationMode.class,
            names = {"DIRECTORIES", "NAMESPACES", "CHROOT"})
    void thousandInARowAndHundredsAtOnce(IsolationMode mode) throws Exception {
        Traces before = Traces.look();
        Path root;
        try (Stage stage = new Stage(mode)) {
            root = stage.root;
            SandboxSpec tenant = stage.tenant("a", Stage.FIRST_UID);
            for (int i = 0; i < 20; i++) {
                once(stage, tenant);
            }
            long open = descriptors();
            for (int i = 0; i < IN_A_ROW; i++) {
                once(stage, tenant);
            }
            assertThat(descriptors()).as("file descriptors").isLessThanOrEqualTo(open + 5);

            List<Sandbox> sandboxes = new ArrayList<>();
            List<SandboxProcess> processes = new ArrayList<>();
            for (int i = 0; i < AT_ONCE; i++) {
                Sandbox sandbox = stage.sandbox("t" + i, Stage.FIRST_UID + 10 + i);
                sandboxes.add(sandbox);
                processes.add(sandbox.launch(new ProcessSpec(List.of("/bin/sleep", "1000"), Map.of(), "/")));
            }
            assertThat(processes).allMatch(SandboxProcess::isAlive);
            for (Sandbox sandbox : sandboxes) {
                sandbox.close();
            }
            for (SandboxProcess process : processes) {
                assertThat(process.await()).isEqualTo(new ExitStatus.Cancelled());
                process.stdin().close();
                process.stdout().close();
                process.stderr().close();
            }
            assertThat(descriptors()).as("file descriptors").isLessThanOrEqualTo(open + 5);
            try (Stream<Path> left = Files.list(stage.root.resolve("run"))) {
                assertThat(left.map(path -> path.getFileName().toString()))
                        .containsExactlyInAnyOrder("cloister-launch", "control", "root");
            }
            try (Stream<Path> left = Files.list(stage.root.resolve("a/tmp"))) {
                assertThat(left).isEmpty();
            }
        }
        assertThat(Traces.look()).isEqualTo(before);
        assertThat(Files.readAllLines(Path.of("/proc/net/unix"))).noneMatch(line -> line.contains(root.toString()));
    }

    private static void once(Stage stage, SandboxSpec tenant) throws Exception {
        try (Sandbox sandbox = stage.backend().prepare(tenant)) {
            assertThat(Stage.run(sandbox, Map.of(), "/bin/true").status()).isEqualTo(new ExitStatus.Exited(0));
        }
    }
}
