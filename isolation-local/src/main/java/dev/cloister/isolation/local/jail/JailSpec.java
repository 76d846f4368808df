package dev.cloister.isolation.local.jail;

import dev.cloister.isolation.local.host.SystemFiles;
import java.nio.file.Path;
import java.util.List;

/**
 * What a template of a root is to hold, besides the mount points and the little that is the same for all.
 *
 * @param programs absolute paths of programs and directories that the operator or the agent needs; they keep their paths
 * @param searchPath where the programs of every jail are looked for, first to last
 * @param mounted directories of the host that are mounted at each launch. Where there are any, so are the programs, and the
 *     template holds of both only the mount points; where there are none, it holds a copy of all that an agent needs
 * @param settings files and directories that are copied beside what is mounted
 */
public record JailSpec(List<Path> programs, List<Path> searchPath, List<String> mounted, List<String> settings) {
    public JailSpec {
        programs = List.copyOf(programs);
        searchPath = List.copyOf(searchPath);
        mounted = List.copyOf(mounted);
        settings = List.copyOf(settings);
    }

    /** A jail that holds copies, of programs in the system's own directories; never a user's. */
    public static JailSpec ofCopies(List<Path> programs) {
        return new JailSpec(
                programs,
                List.of(Path.of("/usr/local/bin"), Path.of("/usr/bin"), Path.of("/bin")),
                List.of(),
                List.of());
    }

    /** A frame for what is mounted from the host. */
    public static JailSpec ofFrame(List<Path> programs, SystemFiles system) {
        return new JailSpec(programs, List.of(), system.trees(), system.settings());
    }
}
