package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Kind;
import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Chroot mode: a root that is the same template for all tenants, read-only and mounted, so that a tenant takes no space.
 *
 * @param template has a place for each step's target
 */
public record ChrootBlueprint(PrivateRoot root, Path template) implements PrivateRootBlueprint {
    @Override
    public IsolationMode mode() {
        return IsolationMode.CHROOT;
    }

    /** The template is everybody's, so the tenant's name comes from its share. */
    @Override
    public void furnish(Share share, SandboxSpec sandbox) {
        share.publish("passwd", PrivateRoot.passwd(sandbox.uid()).getBytes(StandardCharsets.UTF_8));
        share.publish("group", PrivateRoot.group(sandbox.uid()).getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public LaunchPlan plan(SandboxSpec sandbox, ProcessSpec process, Path share, List<Path> cgroups, String launch) {
        List<Step> steps = List.of(
                new Step.Readable(share.resolve("passwd"), "/etc/passwd"),
                new Step.Readable(share.resolve("group"), "/etc/group"));
        return root.plan(new Kind.Template(template), steps, sandbox, process, share, cgroups);
    }
}
