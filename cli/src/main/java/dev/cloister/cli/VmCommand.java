package dev.cloister.cli;

import dev.cloister.core.error.CloisterException;
import dev.cloister.isolation.microvm.image.ImageBuild;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What microvm mode makes machines of. */
@Command(name = "vm", description = "Build what virtual machines are made of.", mixinStandardHelpOptions = true)
final class VmCommand {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before any command
    private CommandSpec spec;

    @Command(
            name = "build",
            description = {
                "Make the directory that microvm.images names: a kernel, its modules and a root.",
                "What is there stays in use until the new one is whole."
            })
    int build(
            @Mixin ConfigurationOptions configuration,
            @Option(names = "--suite", paramLabel = "NAME", description = "Release of Debian (default: the host's).")
                    @Nullable
                    String suite,
            @Option(
                            names = "--packages",
                            paramLabel = "NAME",
                            split = ",",
                            description = "Packages that the root has besides the usual ones.")
                    @Nullable
                    List<String> packages,
            @Option(
                            names = "--root",
                            paramLabel = "DIRECTORY",
                            description =
                                    "The tree to make the root of, such as an image unpacked, in the place of packages.")
                    @Nullable
                    Path root,
            @Option(
                            names = "--kernel",
                            paramLabel = "FILE",
                            description = "A kernel in the place of Debian's linux-image-cloud; with --modules.")
                    @Nullable
                    Path kernel,
            @Option(names = "--modules", paramLabel = "DIRECTORY", description = "That kernel's /lib/modules/RELEASE.")
                    @Nullable
                    Path modules,
            @Option(names = "--json", description = "Print the manifest.") boolean json) {
        if ((kernel == null) != (modules == null)) {
            throw CloisterException.invalid("--kernel and --modules belong together; name both or none");
        }
        if (root != null && packages != null) {
            throw CloisterException.invalid(
                    "--packages: nothing is installed into a root that is given; drop one of the two");
        }
        Path target = configuration.load(Map.of()).isolation().microVm().images();
        Console console = Console.of(spec);
        ObjectNode manifest;
        try (Steps steps = new Steps(console.progress())) {
            manifest = ImageBuild.run(
                    new ImageBuild.Request(
                            target,
                            Optional.ofNullable(suite),
                            packages == null ? List.of() : packages,
                            Optional.ofNullable(root),
                            kernel == null || modules == null
                                    ? Optional.empty()
                                    : Optional.of(new ImageBuild.Kernel(kernel, modules))),
                    steps::begin);
        }
        if (json) {
            console.print(manifest);
        } else {
            long bytes = 0;
            for (JsonNode file : manifest.required("files")) {
                bytes += file.required("size").asLong();
            }
            console.out()
                    .printf(
                            "%s: kernel %s, %d MiB in all%n",
                            target, manifest.required("kernel_release").asString(), bytes >> 20);
        }
        console.out().flush();
        return 0;
    }
}
