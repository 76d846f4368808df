package dev.cloister.cli.bench;

import java.util.List;

/** What the runs of one command took, in milliseconds, rounded to tenths of a microsecond. */
public record Measured(String name, double p50, double min, double max, double p95, int n) {
    private static final double PRECISION = 1e4;

    /** @param milliseconds one or more */
    static Measured of(String name, List<Double> milliseconds) {
        List<Double> sorted = milliseconds.stream().sorted().toList();
        return new Measured(
                name,
                rank(sorted, 0.5),
                rounded(sorted.getFirst()),
                rounded(sorted.getLast()),
                rank(sorted, 0.95),
                sorted.size());
    }

    /** The smallest of them that at least this share does not exceed. */
    private static double rank(List<Double> sorted, double share) {
        return rounded(sorted.get((int) Math.ceil(share * sorted.size()) - 1));
    }

    private static double rounded(double milliseconds) {
        return Math.round(milliseconds * PRECISION) / PRECISION;
    }
}
