package dev.cloister.cli.bench;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What one benchmark found in one run.
 *
 * @param bench its name, as on the command line
 * @param base the name of the result that all ratios are to; empty: there are none
 * @param results times, in the order of a table
 * @param figures everything that is no time of one thing done again and again
 * @param promises what was promised of them
 * @param leftOut what was not measured and why, by name
 */
public record BenchReport(
        String bench,
        Machine machine,
        String base,
        List<Measured> results,
        List<Figure> figures,
        List<Promise> promises,
        Map<String, String> leftOut) {

    /**
     * One number.
     *
     * @param unit as it is written behind the number, such as {@code MiB}; empty for a count
     */
    public record Figure(String name, double value, String unit) {}

    /**
     * A promise and what became of it.
     *
     * @param words such as {@code warm ≤ raw warm + 5 ms}
     * @param found the figures it was judged by, or why it could not be judged
     * @param met empty: it was not judged
     */
    public record Promise(String words, String found, Optional<Boolean> met) {
        /**
         * That one p50 is at most {@code factor} times another's and so many milliseconds.
         *
         * @param of the name of the result that is judged
         * @param against the name of that which it is held against
         */
        public static Promise atMost(
                List<Measured> results, String of, String against, double factor, double milliseconds) {
            String allowed = factor == 1 ? against : "%s × %s".formatted(shown(factor), against);
            String words =
                    "%s ≤ %s%s".formatted(of, allowed, milliseconds == 0 ? "" : " + " + shown(milliseconds) + " ms");
            Optional<Measured> spent = named(results, of);
            Optional<Measured> measure = named(results, against);
            if (spent.isEmpty() || measure.isEmpty()) {
                return new Promise(words, "not measured", Optional.empty());
            }
            double limit = measure.get().p50() * factor + milliseconds;
            return new Promise(
                    words,
                    "%.3f ms of %.3f".formatted(spent.get().p50(), limit),
                    Optional.of(spent.get().p50() <= limit));
        }

        /** That a figure is at most a limit, of the same unit. */
        public static Promise atMost(Figure figure, double limit) {
            return judged(figure, figure.name() + " ≤ " + shown(limit), limit, figure.value() <= limit);
        }

        /** That a figure is at least a limit, of the same unit. */
        public static Promise atLeast(Figure figure, double limit) {
            return judged(figure, figure.name() + " ≥ " + shown(limit), limit, figure.value() >= limit);
        }

        private static Promise judged(Figure figure, String words, double limit, boolean met) {
            String unit = figure.unit().isEmpty() ? "" : " " + figure.unit();
            return new Promise(
                    words + unit, "%s%s of %s".formatted(shown(figure.value()), unit, shown(limit)), Optional.of(met));
        }

        /** For people: {@code met}, {@code MISSED} or {@code not judged}. */
        public String outcome() {
            return met.map(yes -> yes ? "met" : "MISSED").orElse("not judged");
        }
    }

    public BenchReport {
        results = List.copyOf(results);
        figures = List.copyOf(figures);
        promises = List.copyOf(promises);
        leftOut = Collections.unmodifiableMap(new LinkedHashMap<>(leftOut));
    }

    static String shown(double value) {
        return value == Math.rint(value) ? "%.0f".formatted(value) : "%.3f".formatted(value);
    }

    private static Optional<Measured> named(List<Measured> results, String name) {
        return results.stream().filter(one -> one.name().equals(name)).findFirst();
    }

    /** How many times the base it took; empty if there is no base. */
    public Optional<Double> ratio(Measured one) {
        return named(results, base).map(floor -> Math.round(one.p50() / floor.p50() * 1000) / 1000.0);
    }

    /** Whether no promise is broken, and none was left unjudged. */
    public boolean isMet() {
        return promises.stream().allMatch(promise -> promise.met().orElse(false));
    }

    public ObjectNode json() {
        ObjectNode all = JsonMapper.shared().createObjectNode().put("bench", bench);
        all.set("machine", machine.json());
        if (!base.isEmpty()) {
            all.put("base", base);
        }
        ArrayNode times = all.putArray("results");
        for (Measured one : results) {
            ObjectNode result = times.addObject()
                    .put("name", one.name())
                    .put("p50_ms", one.p50())
                    .put("min_ms", one.min())
                    .put("max_ms", one.max())
                    .put("p95_ms", one.p95())
                    .put("n", one.n());
            ratio(one).ifPresent(ratio -> result.put("ratio", ratio));
        }
        ArrayNode numbers = all.putArray("figures");
        figures.forEach(one -> numbers.addObject()
                .put("name", one.name())
                .put("value", Math.round(one.value() * 1e4) / 1e4)
                .put("unit", one.unit()));
        ArrayNode judged = all.putArray("promises");
        for (Promise one : promises) {
            judged.addObject()
                    .put("promise", one.words())
                    .put("found", one.found())
                    .put("outcome", one.outcome());
        }
        ArrayNode missing = all.putArray("left_out");
        leftOut.forEach((name, why) -> missing.addObject().put("name", name).put("why", why));
        return all.put("met", isMet());
    }
}
