package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** The control groups of this host, of either version. */
final class HostGroups {
    private static final Path SELF = Path.of("/proc/self");

    private HostGroups() {}

    /** For tests that are skipped where {@link #canMakeOne} says no: fails where a group can be made and was not found. */
    static Cgroups find(Kernel kernel, String instance) throws IOException {
        Search search = new Search(kernel, new Patience(Duration.ofSeconds(30)), Optional.empty(), instance, SELF);
        return switch (search.run()) {
            case CgroupSearch.Found found -> found.cgroups();
            case CgroupSearch.Missing(Finding why) -> throw new AssertionError(why.toString());
        };
    }

    static Hierarchies hierarchies(String mountinfo) throws IOException {
        return Hierarchies.of(mountinfo, Files.readString(SELF.resolve("cgroup")), Files::exists);
    }

    static String mountinfo() throws IOException {
        return Files.readString(SELF.resolve("mountinfo"));
    }

    static boolean canMakeOne() throws IOException {
        return switch (hierarchies(mountinfo())) {
            case Hierarchies.Version1 version1 ->
                version1.hierarchies().values().stream().anyMatch(hierarchy -> canMakeOne(hierarchy.own()));
            case Hierarchies.Version2 version2 -> canMakeOne(version2.unified().own());
            case Hierarchies.None() -> false;
        };
    }

    private static boolean canMakeOne(Path base) {
        Path group = base.resolve("cloister-possible-" + ProcessHandle.current().pid());
        try {
            Files.createDirectory(group);
            Files.delete(group);
            return true;
        } catch (IOException e) {
            return false;
        }
    }
}
