package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.NamespacesBlueprint;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;

/** A file system, processes, a network and more of its own for each launch, as root and as an ordinary user. */
public final class NamespacesProvider extends PrivateRootProvider {
    @Override
    public IsolationMode mode() {
        return IsolationMode.NAMESPACES;
    }

    @Override
    Blueprint blueprint(IsolationConfig config, Host host, Abilities abilities, Path base) {
        return new NamespacesBlueprint(new PrivateRoot(config, abilities, base), SystemFiles.ofHost());
    }
}
