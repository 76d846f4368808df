package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.jail.JailSpec;
import dev.cloister.isolation.local.jail.JailTemplates;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.ChrootBlueprint;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Like namespaces, in a file system that holds only what the agent needs. It is built at the first start, from the host's
 * files, and anew when one of them has changed.
 */
public final class ChrootProvider extends PrivateRootProvider {
    private static final Logger log = LoggerFactory.getLogger(ChrootProvider.class);

    @Override
    public IsolationMode mode() {
        return IsolationMode.CHROOT;
    }

    /** Whoever opens the mode is the only server of these jails, and none of its sandboxes has one mounted yet. */
    @Override
    public IsolationBackend open(IsolationConfig config, Host host) {
        IsolationBackend backend = super.open(config, host);
        JailTemplates templates = templates(config);
        templates.removeOthers(templates.require(JailSpec.of(config.programs())));
        return backend;
    }

    private static JailTemplates templates(IsolationConfig config) {
        return new JailTemplates(config.jails(), log::info);
    }

    @Override
    Blueprint blueprint(IsolationConfig config, Host host, Abilities abilities, Path base) {
        Path template = templates(config).require(JailSpec.of(config.programs()));
        return new ChrootBlueprint(new PrivateRoot(config, abilities, base), template);
    }
}
