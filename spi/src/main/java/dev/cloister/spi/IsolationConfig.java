package dev.cloister.spi;

import java.nio.file.Path;
import java.util.List;
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
 */
public record IsolationConfig(
        Path runRoot, List<Path> programs, SandboxLimits limits, Optional<Path> cgroupParent, Path jails) {
    public IsolationConfig {
        programs = List.copyOf(programs);
    }

    /** The same with another run root, for trying a mode beside one that is in use. */
    public IsolationConfig withRunRoot(Path other) {
        return new IsolationConfig(other, programs, limits, cgroupParent, jails);
    }
}
