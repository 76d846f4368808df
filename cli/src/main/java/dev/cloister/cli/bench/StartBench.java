package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Times a server from its process's start to its first answer and until it serves turns, with each collector, with the
 * ahead-of-time cache and without, in turns; and looks at the memory it has when nothing happens. Its JVM gets the options of
 * this one. Each has a data directory that a server was started on before.
 */
public final class StartBench {
    /** Milliseconds to the first answer, with the cache. */
    public static final double MOST_START = 600;

    /** MiB of a server that does nothing. */
    public static final double MOST_IDLE = 140;

    private static final String CACHE = "-XX:AOTCache=";
    private static final String COLLECTOR = "-XX:\\+Use[A-Za-z0-9]+GC";
    private static final String ANSWERS = ": first answer";

    /** Memory differs little from start to start, and waiting for idleness is long. */
    private static final int IDLE_ROUNDS = 3;

    private record Variant(String name, String collector, boolean cached) {}

    private static final Variant OURS = new Variant("serial, cache", "-XX:+UseSerialGC", true);
    private static final List<Variant> VARIANTS = List.of(
            OURS,
            new Variant("serial", "-XX:+UseSerialGC", false),
            new Variant("parallel, cache", "-XX:+UseParallelGC", true),
            new Variant("parallel", "-XX:+UseParallelGC", false),
            new Variant("g1, cache", "-XX:+UseG1GC", true),
            new Variant("g1", "-XX:+UseG1GC", false));

    private final List<Variant> variants;
    private final Path directory;
    private final Duration idle;
    private final List<String> options;
    private final Optional<String> cache;
    private final Samples times = new Samples();
    private final Map<String, List<Double>> memory = new LinkedHashMap<>();
    private final Map<String, String> leftOut = new LinkedHashMap<>();

    private StartBench(List<Variant> variants, Path directory, Duration idle, List<String> options) {
        this.variants = variants;
        this.directory = directory;
        this.idle = idle;
        this.cache = options.stream().filter(option -> option.startsWith(CACHE)).findFirst();
        this.options = options.stream()
                .filter(option -> !option.startsWith(CACHE) && !option.matches(COLLECTOR))
                .toList();
    }

    /** The names of all that can be started: a collector, and whether with the cache. */
    public static List<String> names() {
        return VARIANTS.stream().map(Variant::name).toList();
    }

    /**
     * Leaves nothing behind.
     *
     * @param rounds how often each is started
     * @param idle how long nothing happens before memory is looked at
     * @param wanted which are started, by name
     * @param progress gets a line for each round
     */
    public static BenchReport run(int rounds, Duration idle, Predicate<String> wanted, Consumer<String> progress)
            throws IOException, InterruptedException {
        List<Variant> variants =
                VARIANTS.stream().filter(one -> wanted.test(one.name())).toList();
        List<Double> loadBefore = Machine.load();
        try (TemporaryDirectory directory = TemporaryDirectory.make("start")) {
            List<String> options = ManagementFactory.getRuntimeMXBean().getInputArguments();
            StartBench bench = new StartBench(variants, directory.path(), idle, options);
            bench.round(0, progress);
            for (int round = 1; round <= rounds; round++) {
                bench.round(round, progress);
            }
            return bench.report(Machine.of(HostFacts.host(0, directory.path()), loadBefore));
        }
    }

    /** The first of all, number 0, is not timed: it makes the database and what sandboxes share, which later ones find. */
    private void round(int round, Consumer<String> progress) throws IOException, InterruptedException {
        progress.accept(round == 0 ? "first starts" : "round " + round);
        for (Variant variant : variants) {
            if (variant.cached() && cache.isEmpty()) {
                leftOut.put(
                        variant.name(), "this JVM was started without a cache; ./cloister makes one when it builds");
                continue;
            }
            try (StartedServer server = new StartedServer(command(variant), directory.resolve("err"))) {
                double answered = server.firstAnswer();
                double ready = server.ready();
                if (round == 0) {
                    continue;
                }
                times.add(variant.name() + ANSWERS, answered);
                times.add(variant.name() + ": ready", ready);
                if (round <= IDLE_ROUNDS) {
                    Thread.sleep(idle);
                    memory.computeIfAbsent(variant.name(), first -> new ArrayList<>())
                            .add(server.resident());
                }
            }
        }
    }

    private List<String> command(Variant variant) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.add(variant.collector());
        if (variant.cached()) {
            cache.ifPresent(command::add);
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.cloister.cli.Main"));
        command.addAll(List.of("serve", "--port", "0", "--upstream", "scripted", "--data"));
        command.add(
                directory.resolve(variant.name().replaceAll("[^a-z0-9]+", "-")).toString());
        return command;
    }

    private BenchReport report(Machine machine) {
        List<Measured> results = times.measured();
        List<Figure> figures = new ArrayList<>();
        memory.forEach((name, samples) -> figures.add(new Figure(
                name + ": memory when idle", Measured.of(name, samples).p50(), "MiB")));
        List<Promise> promises = List.of(
                within(
                        OURS.name() + ANSWERS,
                        MOST_START,
                        "ms",
                        results.stream()
                                .filter(one -> one.name().equals(OURS.name() + ANSWERS))
                                .map(Measured::p50)
                                .findFirst()),
                within(
                        OURS.name() + ": memory when idle",
                        MOST_IDLE,
                        "MiB",
                        figures.stream()
                                .filter(one -> one.name().equals(OURS.name() + ": memory when idle"))
                                .map(Figure::value)
                                .findFirst()));
        return new BenchReport("start", machine, OURS.name() + ANSWERS, results, figures, promises, leftOut);
    }

    private static Promise within(String name, double limit, String unit, Optional<Double> found) {
        return found.map(value -> Promise.atMost(new Figure(name, value, unit), limit))
                .orElseGet(() -> new Promise(
                        name + " ≤ " + BenchReport.shown(limit) + " " + unit, "not measured", Optional.empty()));
    }
}
