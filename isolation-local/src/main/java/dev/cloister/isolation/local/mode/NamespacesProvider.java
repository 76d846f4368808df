package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.jail.JailSpec;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.local.plan.PrivateRootBlueprint;
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
    JailSpec template(IsolationConfig config) {
        return JailSpec.ofFrame(config.programs(), SystemFiles.ofHost());
    }

    @Override
    Blueprint blueprint(PrivateRoot root, Path template) {
        return PrivateRootBlueprint.namespaces(root, template, SystemFiles.ofHost());
    }
}
