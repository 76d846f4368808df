package dev.cloister.isolation.docker;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The engine that tests use: {@code ./cloister verify} starts one and says where; {@code lab/engine up} does it by hand. */
final class TestEngine {
    private TestEngine() {}

    static boolean isThere() {
        return System.getenv("CLOISTER_TEST_ENGINE") != null;
    }

    /** What a mode is told of it. */
    static Map<String, String> options(String runtime) {
        Map<String, String> options = new TreeMap<>();
        options.put("container.engine", "unix://" + variable("CLOISTER_TEST_ENGINE"));
        options.put("container.image", variable("CLOISTER_TEST_IMAGE"));
        options.put("container.runtime", runtime);
        return options;
    }

    private static String variable(String name) {
        return Optional.ofNullable(System.getenv(name))
                .orElseThrow(() -> new IllegalStateException(name + " is not set: run the tests by ./cloister verify"));
    }
}
