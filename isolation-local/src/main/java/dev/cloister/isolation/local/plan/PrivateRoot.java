package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Landlock;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.Root;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What the modes with a file system of their own have in common: fixed inner paths, and everything in it but the system's
 * files. Pure.
 *
 * @param base where the launcher mounts new roots
 */
public record PrivateRoot(IsolationConfig config, Abilities abilities, Path base) {
    public static final SandboxPaths PATHS = new SandboxPaths("/workspace", "/home/agent");
    public static final String SHARE = "/run/cloister";
    static final String TMP = "/tmp";

    /** The plan of a launch in a root that is made of the template and, besides what is the tenant's, of these mounts. */
    LaunchPlan plan(
            Path template,
            List<Step> mounts,
            SandboxSpec sandbox,
            ProcessSpec process,
            Path share,
            List<Path> cgroups) {
        List<Step> steps = new ArrayList<>();
        steps.add(new Step.Processes("/proc"));
        CommonLayers.DEVICES.forEach(device -> steps.add(new Step.Device(device)));
        steps.add(new Step.Temporary(config.limits().tmp(), TMP));
        // Behind the tenant's /tmp: a program may stand below it.
        steps.addAll(mounts);
        steps.add(new Step.Writable(sandbox.work(), PATHS.work()));
        steps.add(new Step.Writable(sandbox.home(), PATHS.home()));
        steps.add(new Step.Readable(share, SHARE));
        boolean alone = abilities.namespaces().containsAll(Set.of(Namespace.NET, Namespace.IPC));
        return new LaunchPlan(
                CommonLayers.ids(sandbox, abilities.ownUids()),
                abilities.namespaces(),
                Optional.of(new Root(base, template, steps)),
                CommonLayers.limits(config.limits(), abilities.ownUids(), cgroups),
                abilities.landlock().map(level -> landlock(level, alone)),
                !abilities.systemCallFilter()
                        ? SystemCalls.UNFILTERED
                        : alone ? SystemCalls.FILTERED : SystemCalls.FILTERED_SHARED,
                cgroups,
                Optional.empty(),
                process.forward(),
                Optional.empty(),
                process.cwd(),
                CommonLayers.environment(process, PATHS, TMP),
                process.command());
    }

    /**
     * Everything in the root may be read, and changed only where a tenant's own things are. Not {@code /proc}: what can be
     * written there are switches of the kernel. In a network of its own TCP is the tenant's own affair.
     */
    private static Landlock landlock(LandlockLevel level, boolean alone) {
        return new Landlock(
                alone ? LandlockLevel.FILES : level,
                List.of("/"),
                Stream.concat(Stream.of(PATHS.work(), PATHS.home(), TMP), CommonLayers.DEVICES.stream())
                        .toList());
    }

    /** Who the tenant is, for programs that ask for names. */
    public static String passwd(long uid) {
        return "root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:" + uid + ":" + uid + ":agent:" + PATHS.home()
                + ":/bin/bash\n";
    }

    public static String group(long gid) {
        return "root:x:0:\nagent:x:" + gid + ":\n";
    }
}
