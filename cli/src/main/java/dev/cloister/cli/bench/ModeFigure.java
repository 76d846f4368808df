package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import java.util.Optional;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** What `bench launch` finds of each mode beside times: by these names it stands in the report, and is found there again. */
public enum ModeFigure {
    IDLE("idle tenant, sandbox open", "MiB"),
    REST("idle tenant, sandbox closed", "MiB"),
    IDLE_KERNEL("idle tenant, sandbox open, of it the kernel's", "MiB"),
    WORKING("working tenant", "MiB"),
    TENANT_CPU("cold turn, the tenant's processor time", "ms"),
    SERVER_CPU("cold turn, the server's processor time", "ms"),
    SERVER("the server itself", "MiB");

    private final String words;
    private final String unit;

    ModeFigure(String words, String unit) {
        this.words = words;
        this.unit = unit;
    }

    public String of(String mode) {
        return mode + ": " + words;
    }

    Figure of(String mode, double value) {
        return new Figure(of(mode), value, unit);
    }

    /** Empty if a report does not have it. */
    public Optional<Double> in(JsonNode report, String mode) {
        return StreamSupport.stream(report.path("figures").spliterator(), false)
                .filter(one -> one.path("name").asString("").equals(of(mode))
                        && one.path("value").isNumber())
                .map(one -> one.path("value").asDouble())
                .findFirst();
    }
}
