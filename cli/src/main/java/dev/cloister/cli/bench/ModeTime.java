package dev.cloister.cli.bench;

import java.util.Optional;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** What `bench launch` times in each mode: by these names it stands in the report, and is found there again. */
enum ModeTime {
    /** The mode itself, where nothing that it keeps between starts was there before. */
    OPENING(", opening, anew"),
    /** A command of a tenant of whom nothing was there before. */
    FIRST_USE(", first use"),
    /** A command of a tenant whose sandbox had been closed. */
    NEXT_USE(", next use"),
    /** A command in an open sandbox. */
    COMMAND(" (jvm)"),
    TURN(", cold turn, first event");

    private final String words;

    ModeTime(String words) {
        this.words = words;
    }

    String of(String mode) {
        return mode + words;
    }

    /** The result of that name; empty if a report does not have it. */
    Optional<JsonNode> in(JsonNode report, String mode) {
        return StreamSupport.stream(report.path("results").spliterator(), false)
                .filter(one -> one.path("name").asString("").equals(of(mode)))
                .findFirst();
    }
}
