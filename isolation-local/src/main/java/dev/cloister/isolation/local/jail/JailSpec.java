package dev.cloister.isolation.local.jail;

import java.nio.file.Path;
import java.util.List;

/**
 * What a jail is to hold.
 *
 * @param programs absolute paths of programs and directories beside those that every jail holds; they keep their paths
 * @param searchPath where the programs of every jail are looked for, first to last
 */
public record JailSpec(List<Path> programs, List<Path> searchPath) {
    public JailSpec {
        programs = List.copyOf(programs);
        searchPath = List.copyOf(searchPath);
    }

    /** With the system's own directories of programs; never a user's. */
    public static JailSpec of(List<Path> programs) {
        return new JailSpec(programs, List.of(Path.of("/usr/local/bin"), Path.of("/usr/bin"), Path.of("/bin")));
    }
}
