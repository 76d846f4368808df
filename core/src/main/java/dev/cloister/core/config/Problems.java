package dev.cloister.core.config;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;

/** Gathers all that is wrong, so that it is told at once. Not thread-safe. */
final class Problems {
    private final List<String> lines = new ArrayList<>();

    void add(Place place, String text) {
        lines.add(place.label() + ": " + text);
    }

    /** @throws CloisterException with every problem, if there is one */
    void throwIfAny() {
        if (!lines.isEmpty()) {
            String head = lines.size() == 1
                    ? "The configuration has a problem:"
                    : "The configuration has %d problems:".formatted(lines.size());
            throw new CloisterException(
                    ErrorCode.INVALID_REQUEST,
                    head + "\n  " + String.join("\n  ", lines) + "\nEvery key is described in docs/configuration.md.");
        }
    }
}
