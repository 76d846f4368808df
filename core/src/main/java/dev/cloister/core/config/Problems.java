package dev.cloister.core.config;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;

/** Gathers all that is wrong, so that it is told at once. Not thread-safe. */
final class Problems {
    private final String subject;
    private final String help;
    private final List<String> lines = new ArrayList<>();

    Problems() {
        this("The configuration has", "Every key is described in docs/configuration.md.");
    }

    /**
     * @param subject whose they are, with its verb
     * @param help a sentence that says where to read on
     */
    Problems(String subject, String help) {
        this.subject = subject;
        this.help = help;
    }

    void add(Place place, String text) {
        lines.add(place.label() + ": " + text);
    }

    /** @throws CloisterException with every problem, if there is one */
    void throwIfAny() {
        if (!lines.isEmpty()) {
            String head = subject + (lines.size() == 1 ? " a problem:" : " %d problems:".formatted(lines.size()));
            throw new CloisterException(
                    ErrorCode.INVALID_REQUEST, head + "\n  " + String.join("\n  ", lines) + "\n" + help);
        }
    }
}
