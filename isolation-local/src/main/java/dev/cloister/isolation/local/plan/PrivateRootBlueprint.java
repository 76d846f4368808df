package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The modes with a file system of their own. Its root is the same template for all tenants, read-only and mounted, so that a
 * tenant takes no space; what is a tenant's own is mounted into it.
 *
 * @param template has a place for each step's target
 * @param mounts what of the host is mounted besides
 */
public record PrivateRootBlueprint(IsolationMode mode, PrivateRoot root, Path template, List<Step> mounts)
        implements Blueprint {
    public PrivateRootBlueprint {
        mounts = List.copyOf(mounts);
    }

    /** Namespaces mode: the root shows the host's programs, and of all else only what is the tenant's. */
    public static PrivateRootBlueprint namespaces(PrivateRoot root, Path template, SystemFiles system) {
        List<Step> mounts = Stream.concat(system.trees().stream().map(Path::of), root.config().programs().stream())
                .<Step>map(path -> new Step.Readable(path, path.toString()))
                .toList();
        return new PrivateRootBlueprint(IsolationMode.NAMESPACES, root, template, mounts);
    }

    /** Chroot mode: the template holds copies of what an agent needs, and there is nothing else. */
    public static PrivateRootBlueprint chroot(PrivateRoot root, Path template) {
        // A copy below /tmp is out of sight once the tenant's own is mounted there.
        List<Step> mounts = root.config().programs().stream()
                .filter(program -> program.startsWith(PrivateRoot.TMP))
                .<Step>map(program ->
                        new Step.Readable(template.resolve(Path.of("/").relativize(program)), program.toString()))
                .toList();
        return new PrivateRootBlueprint(IsolationMode.CHROOT, root, template, mounts);
    }

    @Override
    public SandboxPaths paths(SandboxSpec sandbox) {
        return PrivateRoot.PATHS;
    }

    @Override
    public String innerShare(Path share) {
        return PrivateRoot.SHARE;
    }

    @Override
    public boolean endsByKernel() {
        return root.abilities().namespaces().contains(Namespace.PID);
    }

    @Override
    public boolean hasOwnNetwork() {
        return root.abilities().namespaces().containsAll(Set.of(Namespace.NET, Namespace.PID));
    }

    /** The template is everybody's, so the tenant's name comes from its share. */
    @Override
    public Map<String, String> furnishing(SandboxSpec sandbox) {
        return Map.of(
                "passwd", PrivateRoot.passwd(sandbox.uid()),
                "group", PrivateRoot.group(sandbox.uid()));
    }

    @Override
    public LaunchPlan plan(SandboxSpec sandbox, ProcessSpec process, Path share, List<Path> cgroups, String launch) {
        Stream<Step> names = Stream.of(
                new Step.Readable(share.resolve("passwd"), "/etc/passwd"),
                new Step.Readable(share.resolve("group"), "/etc/group"));
        return root.plan(template, Stream.concat(names, mounts.stream()).toList(), sandbox, process, share, cgroups);
    }
}
