package dev.cloister.spi;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a backend needs to know from the operator.
 *
 * @param runRoot an existing directory that only the server can write and every tenant can walk through; the backend
 *     owns everything below it
 * @param programs programs and directories beside the system's own that every sandbox can read and run, at the path they
 *     have on the host; the agent is one
 * @param limits what bounds each sandbox
 * @param cgroupParent the control group below which a backend makes its own; empty: below the server's own group
 * @param jails an existing directory like {@code runRoot}, for file systems that several sandboxes share, kept between starts
 * @param options what single modes ask of the operator, by the key's name, such as {@code container.image}
 */
public record IsolationConfig(
        Path runRoot,
        List<Path> programs,
        SandboxLimits limits,
        Optional<Path> cgroupParent,
        Path jails,
        Map<String, String> options) {
    public IsolationConfig {
        programs = List.copyOf(programs);
        options = Map.copyOf(options);
    }

    /** For modes that ask for nothing of their own. */
    public IsolationConfig(
            Path runRoot, List<Path> programs, SandboxLimits limits, Optional<Path> cgroupParent, Path jails) {
        this(runRoot, programs, limits, cgroupParent, jails, Map.of());
    }

    /** The same with another run root, for trying a mode beside one that is in use. */
    public IsolationConfig withRunRoot(Path other) {
        return new IsolationConfig(other, programs, limits, cgroupParent, jails, options);
    }

    /** The same with other places, for trying a mode beside one that is in use. */
    public IsolationConfig within(Path otherRunRoot, Path otherJails) {
        return new IsolationConfig(otherRunRoot, programs, limits, cgroupParent, otherJails, options);
    }
}
