package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Landlock;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Directories mode: the host's own file system, with a uid for each tenant as root and Landlock where there is one. */
public record DirectoriesBlueprint(IsolationConfig config, Abilities abilities, SystemFiles system)
        implements Blueprint {
    @Override
    public IsolationMode mode() {
        return IsolationMode.DIRECTORIES;
    }

    @Override
    public SandboxPaths paths(SandboxSpec sandbox) {
        return new SandboxPaths(sandbox.work().toString(), sandbox.home().toString());
    }

    @Override
    public String innerShare(Path share) {
        return share.toString();
    }

    @Override
    public boolean endsByKernel() {
        return false;
    }

    @Override
    public boolean hasOwnNetwork() {
        return false;
    }

    @Override
    public LaunchPlan plan(SandboxSpec sandbox, ProcessSpec process, Path share, List<Path> cgroups, String launch) {
        String tmp = sandbox.tmp().resolve(launch).toString();
        return new LaunchPlan(
                CommonLayers.ids(sandbox, abilities.ownUids()),
                Set.of(),
                Optional.empty(),
                CommonLayers.limits(config.limits(), abilities.ownUids(), cgroups),
                abilities.landlock().map(level -> new Landlock(level, readable(share), writable(sandbox))),
                abilities.systemCallFilter() ? SystemCalls.FILTERED_SHARED : SystemCalls.UNFILTERED,
                cgroups,
                Optional.of(tmp),
                Optional.empty(),
                Optional.empty(),
                process.cwd(),
                CommonLayers.environment(process, paths(sandbox), tmp),
                process.command());
    }

    private List<String> readable(Path share) {
        return Stream.concat(
                        Stream.concat(system.readable().stream(), Stream.of("/proc", share.toString())),
                        config.programs().stream().map(Path::toString))
                .toList();
    }

    private List<String> writable(SandboxSpec sandbox) {
        List<String> all = new ArrayList<>(CommonLayers.DEVICES);
        if (abilities.ownUids()) {
            all.add("/dev/shm");
        }
        Stream.of(sandbox.work(), sandbox.home(), sandbox.tmp())
                .map(Path::toString)
                .forEach(all::add);
        return all;
    }
}
