package dev.cloister.cli.bench;

import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.spi.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import tools.jackson.databind.node.ObjectNode;

/**
 * Times one tenant's commands while another exhausts what it can, over HTTP, on a server of its own in a temporary directory.
 * Quiet times are taken before, between and after, because a machine has moods.
 */
public final class ExhaustionBench {
    /** What p95 may become, in times of the quiet p95. */
    public static final double ALLOWED = 3;

    /** Small, so that they are reached at once. */
    public static final Map<String, String> LIMITS = Map.of(
            "isolation.memory", "256MiB",
            "isolation.pids", "128",
            "isolation.cpus", "0.5",
            "isolation.tmp", "64MiB");

    private static final int BETWEEN = 40;

    /**
     * What B's commands took while A did one thing.
     *
     * @param runs how often A started
     */
    public record During(Measured measured, int runs) {}

    /**
     * @param first quiet times before anything
     * @param last quiet times after everything
     * @param quiet these, and those between
     */
    public record Report(Machine machine, Measured first, Measured last, Measured quiet, List<During> during) {
        public Report {
            during = List.copyOf(during);
        }

        public double ratio(During one) {
            return Math.round(one.measured().p95() / quiet.p95() * 1000) / 1000.0;
        }

        public boolean isMet() {
            return during.stream().allMatch(one -> ratio(one) <= ALLOWED);
        }
    }

    private final ExecClient attacker;
    private final ExecClient other;
    private final int samples;
    private final ObjectNode command = Client.command(List.of("/bin/true"), Map.of());
    private final List<Double> quiet = new ArrayList<>();

    private ExhaustionBench(ExecClient attacker, ExecClient other, int samples) {
        this.attacker = attacker;
        this.other = other;
        this.samples = samples;
    }

    /** The names of all ways of exhausting. */
    public static List<String> names() {
        return Exhaustion.all().stream().map(Exhaustion::name).toList();
    }

    /**
     * Leaves nothing behind.
     *
     * @param samples how many commands are timed during each
     * @param warmUps how many are not timed before: a JVM is several times slower at first
     * @param wanted which are tried, by name
     * @param progress gets a line for each
     */
    public static Report run(int samples, int warmUps, Predicate<String> wanted, Consumer<String> progress)
            throws IOException, InterruptedException {
        List<Double> loadBefore = Machine.load();
        try (TemporaryDirectory directory = TemporaryDirectory.make("exhaustion");
                Cloister server = Cloister.start(config(directory))) {
            URI base = URI.create("http://127.0.0.1:" + server.port());
            Host host = HostFacts.host(0, directory.path());
            try (ExecClient attacker = new ExecClient(base, "bench-a-token");
                    ExecClient other = new ExecClient(base, "bench-b-token")) {
                return new ExhaustionBench(attacker, other, samples).run(host, loadBefore, warmUps, wanted, progress);
            }
        }
    }

    private static CloisterConfig config(TemporaryDirectory directory) {
        Map<String, String> keys = new TreeMap<>(LIMITS);
        keys.put("data", directory.path().resolve("data").toString());
        keys.put("port", "0");
        keys.put("upstream.url", "scripted");
        keys.put("isolation.mode", "namespaces");
        keys.put("isolation.require", "RESOURCES_BOUNDED");
        // No turn is asked for.
        keys.put("agent.executable", "/bin/true");
        return ConfigLoader.load(Optional.empty(), Map.of(), keys, HostFacts.defaults());
    }

    private Report run(
            Host host, List<Double> loadBefore, int warmUps, Predicate<String> wanted, Consumer<String> progress)
            throws IOException, InterruptedException {
        progress.accept("quiet");
        times(warmUps);
        Measured first = quiet(samples);
        List<During> during = new ArrayList<>();
        for (Exhaustion one : Exhaustion.all()) {
            if (wanted.test(one.name())) {
                progress.accept(one.name());
                during.add(during(one));
                quiet(BETWEEN);
            }
        }
        Measured last = quiet(samples);
        return new Report(Machine.of(host, loadBefore), first, last, Measured.of("quiet", quiet), during);
    }

    private List<Double> times(int count) throws IOException, InterruptedException {
        List<Double> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(other.time(command));
        }
        return all;
    }

    private Measured quiet(int count) throws IOException, InterruptedException {
        List<Double> some = times(count);
        quiet.addAll(some);
        return Measured.of("quiet", some);
    }

    /** The attacker begins again whenever it is through, until enough has been measured. */
    private During during(Exhaustion exhaustion) throws IOException, InterruptedException {
        AtomicInteger runs = new AtomicInteger();
        CountDownLatch begun = new CountDownLatch(1);
        Thread thread = Thread.ofPlatform().name("exhaustion").start(() -> {
            try {
                while (!Thread.currentThread().isInterrupted()) {
                    runs.incrementAndGet();
                    begun.countDown();
                    attacker.run(exhaustion.request());
                }
            } catch (InterruptedException e) {
                // Enough has been measured.
                Thread.currentThread().interrupt();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        try {
            begun.await();
            return new During(Measured.of(exhaustion.name(), times(samples)), runs.get());
        } finally {
            thread.interrupt();
            thread.join();
        }
    }
}
