package dev.cloister.isolation.microvm;

import dev.cloister.isolation.microvm.image.ImageBuild;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The images that tests take, made once where {@code ./cloister verify} says that they belong. */
final class TestMachines {
    private static final Optional<Path> IMAGES =
            Optional.ofNullable(System.getenv("CLOISTER_TEST_VM_IMAGES")).map(Path::of);

    private TestMachines() {}

    static boolean areThere() {
        return IMAGES.isPresent();
    }

    static Map<String, String> options() {
        return Map.of(
                "microvm.images",
                images().toString(),
                "microvm.accelerator",
                "tcg",
                "microvm.disk",
                Long.toString(256 << 20),
                "microvm.boot-timeout",
                "60000");
    }

    private static synchronized Path images() {
        Path images = IMAGES.orElseThrow();
        if (!Files.exists(images.resolve("manifest.json"))) {
            ImageBuild.run(
                    new ImageBuild.Request(
                            images,
                            Optional.empty(),
                            List.of(),
                            Optional.ofNullable(System.getenv("CLOISTER_TEST_VM_TREE"))
                                    .map(Path::of),
                            Optional.empty()),
                    step -> {});
        }
        return images;
    }
}
