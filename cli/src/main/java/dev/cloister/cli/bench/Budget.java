package dev.cloister.cli.bench;

import java.util.List;
import java.util.Optional;

/**
 * What a launch may cost: {@code factor} times what another command took in the same run, and so many milliseconds.
 *
 * @param of whose p50 is judged
 * @param against whose p50 it is held against
 */
public record Budget(String of, String against, double factor, double milliseconds) {
    private static final List<Budget> ALL = List.of(
            new Budget("namespaces (launcher)", "floor", 1.6, 0),
            new Budget("directories (launcher)", "bare", 1, 1),
            new Budget("chroot (launcher)", "namespaces (launcher)", 1, 1));

    /** @param outcome for people */
    public record Verdict(Budget budget, String outcome) {}

    /** Every budget, and whether these results meet it. */
    public static List<Verdict> judge(List<Measured> results) {
        return ALL.stream()
                .map(budget -> new Verdict(budget, budget.outcome(results)))
                .toList();
    }

    public String words() {
        String allowed = factor == 1 ? against : "%s × %s".formatted(factor, against);
        return "%s ≤ %s%s".formatted(of, allowed, milliseconds == 0 ? "" : " + %.0f ms".formatted(milliseconds));
    }

    private String outcome(List<Measured> results) {
        Optional<Double> spent = p50(results, of);
        Optional<Double> measure = p50(results, against);
        if (spent.isEmpty() || measure.isEmpty()) {
            return "not measured";
        }
        double allowed = measure.get() * factor + milliseconds;
        return "%s: %.3f ms of %.3f".formatted(spent.get() <= allowed ? "met" : "MISSED", spent.get(), allowed);
    }

    private static Optional<Double> p50(List<Measured> results, String name) {
        return results.stream()
                .filter(one -> one.name().equals(name))
                .map(Measured::p50)
                .findFirst();
    }
}
