package dev.cloister.cli.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Milliseconds by name, in the order in which the names came first. Not thread-safe. */
final class Samples {
    private final Map<String, List<Double>> all = new LinkedHashMap<>();

    void add(String name, double milliseconds) {
        all.computeIfAbsent(name, first -> new ArrayList<>()).add(milliseconds);
    }

    /** Those of one name, in the order in which they came. */
    List<Double> of(String name) {
        return List.copyOf(all.getOrDefault(name, List.of()));
    }

    double sum(String name) {
        return of(name).stream().mapToDouble(Double::doubleValue).sum();
    }

    List<Measured> measured() {
        return all.entrySet().stream()
                .map(entry -> Measured.of(entry.getKey(), entry.getValue()))
                .toList();
    }
}
