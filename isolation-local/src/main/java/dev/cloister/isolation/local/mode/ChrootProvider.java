package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.local.jail.JailSpec;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.local.plan.PrivateRootBlueprint;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;

/**
 * Like namespaces, in a file system that holds only what the agent needs. It is built at the first start, from the host's
 * files, and anew when one of them has changed.
 */
public final class ChrootProvider extends PrivateRootProvider {
    @Override
    public IsolationMode mode() {
        return IsolationMode.CHROOT;
    }

    @Override
    JailSpec template(IsolationConfig config) {
        return JailSpec.ofCopies(config.programs());
    }

    @Override
    Blueprint blueprint(PrivateRoot root, Path template) {
        return PrivateRootBlueprint.chroot(root, template);
    }
}
