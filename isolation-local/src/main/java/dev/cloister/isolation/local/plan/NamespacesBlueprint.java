package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Kind;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Namespaces mode: a root that shows the host's programs, read-only, and of all else only what is the tenant's. */
public record NamespacesBlueprint(PrivateRoot root, SystemFiles system) implements PrivateRootBlueprint {
    /** Holds links and empty directories only; what is large is mounted. */
    private static final long ROOT_BYTES = 1 << 20;

    @Override
    public IsolationMode mode() {
        return IsolationMode.NAMESPACES;
    }

    @Override
    public LaunchPlan plan(SandboxSpec sandbox, ProcessSpec process, Path share, List<Path> cgroups, String launch) {
        List<Step> steps = new ArrayList<>(system.steps());
        steps.add(new Step.TextFile(PrivateRoot.passwd(sandbox.uid()), "/etc/passwd"));
        steps.add(new Step.TextFile(PrivateRoot.group(sandbox.uid()), "/etc/group"));
        steps.add(new Step.TextFile("127.0.0.1 localhost\n", "/etc/hosts"));
        steps.add(new Step.TextFile("passwd: files\ngroup: files\nhosts: files dns\n", "/etc/nsswitch.conf"));
        steps.add(new Step.Link("/proc/self/fd", "/dev/fd"));
        steps.add(new Step.Link("/proc/self/fd/0", "/dev/stdin"));
        steps.add(new Step.Link("/proc/self/fd/1", "/dev/stdout"));
        steps.add(new Step.Link("/proc/self/fd/2", "/dev/stderr"));
        steps.add(new Step.Link("/tmp", "/dev/shm"));
        steps.add(new Step.Link("/proc/mounts", "/etc/mtab"));
        return root.plan(new Kind.Empty(ROOT_BYTES), steps, sandbox, process, share, cgroups);
    }
}
