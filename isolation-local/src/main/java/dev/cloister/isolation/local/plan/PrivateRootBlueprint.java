package dev.cloister.isolation.local.plan;

import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;

/** What the modes with a file system of their own have in common; they differ in where its system files come from. */
sealed interface PrivateRootBlueprint extends Blueprint permits NamespacesBlueprint, ChrootBlueprint {
    PrivateRoot root();

    @Override
    default SandboxPaths paths(SandboxSpec sandbox) {
        return PrivateRoot.PATHS;
    }

    @Override
    default String innerShare(Path share) {
        return PrivateRoot.SHARE;
    }

    @Override
    default boolean endsByKernel() {
        return root().abilities().namespaces().contains(Namespace.PID);
    }
}
