package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A mode as pure functions: from what a sandbox and a process are to be, to the plan of a launch. */
public interface Blueprint {
    IsolationMode mode();

    /** Where a tenant's directories stand as its own processes see them. */
    SandboxPaths paths(SandboxSpec sandbox);

    /** Where the directory {@code share} of the host stands as the tenant's processes see it. */
    String innerShare(Path share);

    /** What the mode needs of files in a new sandbox's share, by name. */
    default Map<String, String> furnishing(SandboxSpec sandbox) {
        return Map.of();
    }

    /** Whether each launch's processes end with the pid namespace that they are in, whatever happens to the launcher. */
    boolean endsByKernel();

    /** Whether each launch has a network namespace. */
    boolean hasOwnNetwork();

    /**
     * @param share the sandbox's share on the host
     * @param cgroups the {@code cgroup.procs} files of the sandbox's groups
     * @param launch a name that no other launch has
     */
    LaunchPlan plan(SandboxSpec sandbox, ProcessSpec process, Path share, List<Path> cgroups, String launch);
}
