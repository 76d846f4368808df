package dev.cloister.cli.bench;

import java.util.List;

/** How a size went over time. Pure. */
record Trend(List<Double> samples) {
    private static final int PARTS = 4;

    Trend {
        samples = List.copyOf(samples);
    }

    /** The median of one quarter of the time, by number from 0; of what there is, if there are fewer than four samples. */
    double quarter(int number) {
        int from = Math.min(number * samples.size() / PARTS, samples.size() - 1);
        int to = Math.max(from + 1, (number + 1) * samples.size() / PARTS);
        List<Double> sorted = samples.subList(from, Math.min(to, samples.size())).stream()
                .sorted()
                .toList();
        return sorted.get((sorted.size() - 1) / 2);
    }

    /** How many times the second quarter's median the last one's is: the first quarter is still a beginning. */
    double growth() {
        return quarter(PARTS - 1) / quarter(1);
    }

    double most() {
        return samples.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    }
}
