package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.launch.LaunchPlan.Ids;
import dev.cloister.isolation.local.launch.LaunchPlan.Limit;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the blueprints of all modes have in common. Pure. */
public final class CommonLayers {
    /** The fixed search path of every sandbox: the system's own programs only. */
    public static final String PATH = "/usr/local/bin:/usr/bin:/bin";

    /** Of devices only these: {@code /dev/shm} below the same directory is shared by all who have the same uid. */
    public static final List<String> DEVICES =
            List.of("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty");

    private CommonLayers() {}

    public static Optional<Ids> ids(SandboxSpec sandbox, boolean ownUids) {
        return ownUids ? Optional.of(new Ids(sandbox.uid(), sandbox.uid())) : Optional.empty();
    }

    /**
     * The limits of setrlimit(2). Processes are counted by uid there, so only a uid that is the tenant's alone can be bounded.
     * Without a control group it is all there is; with one a net below it, wide enough that the group, which tells of
     * refusals, is reached first.
     */
    public static List<Limit> limits(SandboxLimits limits, boolean ownUids, List<Path> cgroups) {
        List<Limit> all = new ArrayList<>();
        all.add(new Limit("nofile", limits.openFiles()));
        // A core file would put memory into the workspace, or wherever the host's core pattern says.
        all.add(new Limit("core", 0));
        if (ownUids) {
            all.add(new Limit("nproc", cgroups.isEmpty() ? limits.pids() : 2L * limits.pids()));
        }
        return all;
    }

    /** What the tenant's command finds; the places are the sandbox's own and cannot be overridden. */
    public static Map<String, String> environment(ProcessSpec process, SandboxPaths paths, String tmp) {
        Map<String, String> environment = new TreeMap<>(process.env());
        environment.putIfAbsent("PATH", PATH);
        environment.putIfAbsent("LANG", "C.UTF-8");
        // The host's own names the host's credential helpers. No mode shows it, and git warns of what it may not read.
        environment.putIfAbsent("GIT_CONFIG_NOSYSTEM", "1");
        environment.put("HOME", paths.home());
        environment.put("TMPDIR", tmp);
        environment.put("USER", "agent");
        environment.put("LOGNAME", "agent");
        environment.put("SHELL", "/bin/bash");
        return environment;
    }
}
