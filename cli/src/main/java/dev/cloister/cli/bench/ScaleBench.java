package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.wiring.HostFacts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * How a server grows: with the tenants that it knows, and with the turns that run at once, each on a server of its own.
 * A tenant becomes known by its first request, {@code GET /v1/sessions} with a new token. A turn is streamed, in a new session
 * with a CLI of its own, and has to answer with the text that it was given. The clients and the CLIs run on the same machine.
 */
public final class ScaleBench {
    private static final double MOST_TENANT_MIB = 20;
    private static final double MOST_SLOWER = 1.2;
    private static final double MOST_GROWTH = 1.1;

    /** Of first requests whose p50s are compared. */
    private static final int WINDOW = 200;

    private static final int LAST = 50;

    private static final int TURN_TENANTS = 16;

    /** So that one turn at a time is measured more than once or twice. */
    private static final int LEAST_TURNS = 8;

    private static final int TURNS_EACH = 2;

    /** What a CLI takes, by experience. */
    private static final long AGENT_MEMORY = 160L << 20;

    private static final long SILENCE = TimeUnit.SECONDS.toNanos(2);

    /**
     * How far it goes.
     *
     * @param tenants numbers of known tenants, ascending
     * @param warmUps requests of one tenant before: a JVM is several times slower at first
     * @param turns numbers of turns at once, ascending
     */
    public record Amount(List<Integer> tenants, int warmUps, List<Integer> turns) {
        public Amount {
            tenants = List.copyOf(tenants);
            turns = List.copyOf(turns);
        }
    }

    private final Consumer<String> progress;
    private final List<Measured> results = new ArrayList<>();
    private final List<Figure> figures = new ArrayList<>();
    private final List<Promise> promises = new ArrayList<>();
    private final Map<String, String> leftOut = new LinkedHashMap<>();
    private long said = System.nanoTime();

    private ScaleBench(Consumer<String> progress) {
        this.progress = progress;
    }

    /**
     * Leaves nothing behind.
     *
     * @param progress gets a line for what takes long
     */
    public static BenchReport run(Amount amount, Consumer<String> progress) throws IOException, InterruptedException {
        return new ScaleBench(progress).measure(amount);
    }

    private BenchReport measure(Amount amount) throws IOException, InterruptedException {
        List<Double> loadBefore = Machine.load();
        try (OwnServer server = OwnServer.start(Map.of("identity.mode", "token"), progress);
                SessionClient client = new SessionClient(server.uri())) {
            tenants(amount.tenants(), amount.warmUps(), server, client);
        }
        int most = amount.turns().getLast();
        Map<String, String> options = Map.of(
                "limits.turns",
                Integer.toString(most),
                "limits.turns-per-tenant",
                Integer.toString(most),
                "agent.memory-budget",
                "1024GiB",
                // Each turn has a CLI of its own, and none is left from the step before.
                "agent.idle-timeout",
                "none");
        try (OwnServer server = OwnServer.start(options, progress);
                SessionClient client = new SessionClient(server.uri())) {
            turns(amount.turns(), server, client);
        }
        return new BenchReport(
                "scale",
                Machine.of(HostFacts.host(0, Path.of(System.getProperty("java.io.tmpdir"))), loadBefore),
                "",
                results,
                figures,
                promises,
                leftOut);
    }

    private void tell(String line) {
        if (System.nanoTime() - said > SILENCE) {
            said = System.nanoTime();
            progress.accept(line);
        }
    }

    private void tenants(List<Integer> steps, int warmUps, OwnServer server, SessionClient client)
            throws IOException, InterruptedException {
        progress.accept("warming up");
        for (int i = 0; i < warmUps; i++) {
            request(client, "scale-0");
        }
        List<Double> opened = new ArrayList<>();
        List<Double> sizes = new ArrayList<>();
        for (int step : steps) {
            while (opened.size() < step) {
                opened.add(request(client, "scale-" + (opened.size() + 1)));
                tell("%d of %d tenants".formatted(opened.size(), steps.getLast()));
            }
            int last = Math.min(LAST, opened.size());
            results.add(Measured.of(
                    "first request of a tenant, up to the %dth".formatted(step),
                    opened.subList(opened.size() - last, opened.size())));
            String how = server.settle();
            sizes.add(server.rssMib());
            figures.add(new Figure("server RSS, %d tenants, %s".formatted(step, how), sizes.getLast(), "MiB"));
        }
        Figure growth = new Figure(
                "server RSS, %d tenants over %d".formatted(steps.getLast(), steps.getFirst()),
                sizes.getLast() - sizes.getFirst(),
                "MiB");
        figures.add(growth);
        promises.add(Promise.atMost(growth, MOST_TENANT_MIB));
        Figure slower = slower(opened, steps.getFirst());
        figures.add(slower);
        promises.add(Promise.atMost(slower, MOST_SLOWER));
    }

    /**
     * How many times as long the last tenants' first requests took as those of the first, p50.
     *
     * @param skipped how many of the first do not count, because the way of a new tenant was new to the server too
     */
    static Figure slower(List<Double> opened, int skipped) {
        int from = Math.min(skipped, opened.size() / 2);
        int window = Math.max(1, Math.min(WINDOW, (opened.size() - from) / 2));
        Measured first = Measured.of("first", opened.subList(from, from + window));
        Measured last = Measured.of("last", opened.subList(opened.size() - window, opened.size()));
        return new Figure(
                "first request of a tenant, last %d over %d after %d".formatted(window, window, from),
                last.p50() / first.p50(),
                "×");
    }

    private static double request(SessionClient client, String token) throws IOException, InterruptedException {
        long began = System.nanoTime();
        var answer = client.send("GET", token, "/v1/sessions", SessionClient.nothing());
        double took = (System.nanoTime() - began) / 1e6;
        if (answer.statusCode() != 200) {
            throw new IOException("GET /v1/sessions: HTTP " + answer.statusCode() + " " + answer.body());
        }
        return took;
    }

    private void turns(List<Integer> steps, OwnServer server, SessionClient client)
            throws IOException, InterruptedException {
        int most = steps.getLast();
        List<String> failures = new ArrayList<>();
        List<Double> sizes = new ArrayList<>();
        List<Integer> rounds = new ArrayList<>(steps);
        rounds.add(most);
        for (int i = 0; i < rounds.size(); i++) {
            int step = rounds.get(i);
            String name = i < steps.size() ? Integer.toString(step) : step + " (again)";
            Optional<String> missing = missing(step);
            if (missing.isPresent()) {
                leftOut.put(name + " turns at once", missing.get());
                continue;
            }
            List<String> failed = round(name, step, server, client);
            if (step == most) {
                failures.addAll(failed);
                sizes.add(server.rssMib());
            }
        }
        String complete = most + " turns at once complete without an error";
        String constant = "no growth by " + most + " turns at once again";
        if (sizes.size() == 2) {
            String such = failures.isEmpty() ? "" : ", such as: " + failures.getFirst();
            promises.add(new Promise(complete, failures.size() + " errors" + such, Optional.of(failures.isEmpty())));
            Figure growth = new Figure(
                    "server RSS, %d turns again over the first time".formatted(most),
                    sizes.getLast() / sizes.getFirst(),
                    "×");
            figures.add(growth);
            promises.add(Promise.atMost(growth, MOST_GROWTH));
        } else {
            promises.add(new Promise(complete, "not measured", Optional.empty()));
            promises.add(new Promise(constant, "not measured", Optional.empty()));
        }
    }

    private static Optional<String> missing(int agents) {
        long needed = agents * AGENT_MEMORY;
        long available = HostFacts.memoryAvailable();
        return needed <= available
                ? Optional.empty()
                : Optional.of("the CLIs need about %d MiB of memory, %d are to be had"
                        .formatted(needed >> 20, available >> 20));
    }

    /** @return what went wrong */
    private List<String> round(String name, int clients, OwnServer server, SessionClient client)
            throws IOException, InterruptedException {
        progress.accept(name + " turns at once");
        int each = Math.max(TURNS_EACH, LEAST_TURNS / clients);
        List<Double> firstBytes = new ArrayList<>();
        List<String> failures = new ArrayList<>();
        long cpu = server.cpuMillis();
        double seconds = Together.seconds(clients, number -> {
            for (int i = 0; i < each; i++) {
                String text = "hello %d %d".formatted(number, i);
                SessionClient.Answer answer =
                        client.turn("turns-" + number % TURN_TENANTS, SessionClient.message("", text, true));
                synchronized (failures) {
                    if (answer.isWhole() && answer.text().equals(text)) {
                        firstBytes.add(answer.firstByte());
                    } else {
                        failures.add(answer.isWhole() ? "another text: " + answer.text() : answer.error());
                    }
                    tell("%s turns at once: %d of %d done"
                            .formatted(name, firstBytes.size() + failures.size(), clients * each));
                }
            }
        });
        int turns = clients * each;
        double used = (double) (server.cpuMillis() - cpu) / turns;
        String how = server.settle();
        String at = name + " turns at once";
        if (!firstBytes.isEmpty()) {
            results.add(Measured.of("first byte, " + at, firstBytes));
        }
        figures.add(new Figure(at, turns / seconds, "/s"));
        figures.add(new Figure(at + ", errors", failures.size(), ""));
        figures.add(new Figure(at + ", server's processor time a turn", used, "ms"));
        figures.add(new Figure("server RSS, " + at + ", " + how, server.rssMib(), "MiB"));
        return failures;
    }
}
