package dev.cloister.isolation.microvm;

import java.util.Map;
import java.util.Optional;

/** The images that {@code ./cloister verify} has made for tests. */
final class TestMachines {
    private static final Optional<String> IMAGES = Optional.ofNullable(System.getenv("CLOISTER_TEST_VM_IMAGES"));

    private TestMachines() {}

    static boolean areThere() {
        return IMAGES.isPresent();
    }

    static Map<String, String> options() {
        return Map.of(
                "microvm.images",
                IMAGES.orElseThrow(),
                "microvm.accelerator",
                "tcg",
                "microvm.disk",
                Long.toString(256 << 20),
                "microvm.boot-timeout",
                "60000");
    }
}
