package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.demo.Client;
import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.isolation.local.launch.Launcher;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a command costs over HTTP in namespaces mode, beside the launcher alone and the floor of every jail: one at a time, and
 * as many as there can be. And whether the server still answers others while many commands say nothing. All take turns in one
 * run. The clients run on the same machine, so what they cost is in the figures.
 */
public final class ExecBench {
    private static final int BLOCK = 5;
    private static final int LOAD_BLOCKS = 5;
    private static final int LOOPS = 2;
    private static final int CLIENTS = 16;
    private static final int TENANTS = 8;
    private static final int HEALTH_CHECKS = 100;
    private static final int HEALTH_WARM_UPS = 50;
    private static final long SILENCE = TimeUnit.SECONDS.toNanos(2);

    private static final double MOST_FLOORS = 4;
    private static final double LEAST_SHARE = 60;
    private static final double MOST_HEALTH = 20;

    private static final String TRUE = "/bin/true";
    private static final String MODE = "namespaces";
    private static final String FLOOR = "floor";
    private static final String LAUNCHER = MODE + " (launcher)";
    private static final String EXEC = "POST /v1/exec";
    private static final ObjectNode COMMAND = Client.command(List.of(TRUE), Map.of());

    /**
     * How much is measured.
     *
     * @param rounds how often each command is timed
     * @param warmUps how many are not timed before: a JVM is several times slower at first
     * @param streams how many silent commands are open at once
     */
    public record Amount(int rounds, int warmUps, int streams) {}

    private final Amount amount;
    private final Consumer<String> progress;
    private final Samples samples = new Samples();
    private final List<Figure> figures = new ArrayList<>();
    private long said = System.nanoTime();

    private ExecBench(Amount amount, Consumer<String> progress) {
        this.amount = amount;
        this.progress = progress;
    }

    /**
     * Leaves nothing behind.
     *
     * @param progress gets a line for what takes long
     */
    public static BenchReport run(Amount amount, Consumer<String> progress) throws IOException, InterruptedException {
        // Each client keeps its connection; the JDK's client would keep five of all.
        System.setProperty("http.maxConnections", Integer.toString(CLIENTS));
        try (OwnServer server = OwnServer.start(Map.of("isolation.mode", MODE), progress);
                TrialHost trial = TrialHost.make(server.config(), "exec");
                OpenModes modes = new OpenModes(trial, progress)) {
            return new ExecBench(amount, progress).run(server, trial, modes);
        }
    }

    private BenchReport run(OwnServer server, TrialHost trial, OpenModes modes)
            throws IOException, InterruptedException {
        Path scratch = trial.host().scratch();
        NativeTimer timer = new NativeTimer(scratch);
        Map<String, List<String>> launcher =
                Map.of(LAUNCHER, modes.commandLine(MODE).orElseThrow());
        Map<String, List<String>> both = new LinkedHashMap<>(launcher);
        both.put(FLOOR, List.of(Launcher.unpack(FLOOR, scratch).toString(), TRUE));
        Deque<ExecClient> clients = new ArrayDeque<>();
        List<Double> loadBefore;
        Figure share;
        try {
            for (int i = 0; i < TENANTS; i++) {
                clients.add(new ExecClient(server.uri(), "exec-" + i));
            }
            List<ExecClient> all = List.copyOf(clients);
            warmUp(all);
            loadBefore = Machine.load();
            oneAtATime(timer, both, all.getFirst());
            share = manyAtOnce(timer, launcher, all);
        } finally {
            clients.forEach(ExecClient::close);
        }
        Figure health = besideStreams(server);
        figures.add(health);
        List<Measured> results = samples.measured();
        return new BenchReport(
                "exec",
                Machine.of(trial.host(), loadBefore),
                FLOOR,
                results,
                figures,
                List.of(
                        Promise.atMost(results, EXEC, FLOOR, MOST_FLOORS, 0),
                        Promise.atLeast(share, LEAST_SHARE),
                        Promise.atMost(health, MOST_HEALTH)),
                Map.of());
    }

    private void tell(String line) {
        if (System.nanoTime() - said > SILENCE) {
            said = System.nanoTime();
            progress.accept(line);
        }
    }

    private void warmUp(List<ExecClient> clients) throws IOException, InterruptedException {
        progress.accept("warming up");
        Together.seconds(CLIENTS, number -> {
            for (int i = number; i < amount.warmUps(); i += CLIENTS) {
                clients.get(number % TENANTS).time(COMMAND);
            }
        });
    }

    private static void time(NativeTimer timer, Map<String, List<String>> commands, int rounds, Samples into)
            throws IOException, InterruptedException {
        Optional<String> failed = timer.run(commands, rounds, into);
        if (failed.isPresent()) {
            throw new IOException("a command failed: " + failed.get());
        }
    }

    private void oneAtATime(NativeTimer timer, Map<String, List<String>> commands, ExecClient client)
            throws IOException, InterruptedException {
        for (int done = 0; done < amount.rounds(); done += BLOCK) {
            tell("one at a time, round " + done + " of " + amount.rounds());
            int block = Math.min(BLOCK, amount.rounds() - done);
            time(timer, commands, block, samples);
            for (int i = 0; i < block; i++) {
                samples.add(EXEC, client.time(COMMAND));
            }
        }
    }

    /** @return how much of the launcher's throughput is left */
    private Figure manyAtOnce(NativeTimer timer, Map<String, List<String>> launcher, List<ExecClient> clients)
            throws IOException, InterruptedException {
        int runs = Math.max(1, amount.rounds() / LOOPS);
        int execs = Math.max(1, amount.rounds() / CLIENTS);
        double launcherSeconds = 0;
        double execSeconds = 0;
        for (int block = 1; block <= LOAD_BLOCKS; block++) {
            tell("many at once, round " + block + " of " + LOAD_BLOCKS);
            double[] loops = new double[LOOPS];
            Together.seconds(LOOPS, number -> {
                Samples own = new Samples();
                time(timer, launcher, runs, own);
                // Without the start of the timer itself and its own warm-up.
                loops[number] = own.sum(LAUNCHER) / 1e3;
            });
            launcherSeconds += Math.max(loops[0], loops[1]);
            execSeconds += Together.seconds(CLIENTS, number -> {
                for (int i = 0; i < execs; i++) {
                    clients.get(number % TENANTS).time(COMMAND);
                }
            });
        }
        double launches = LOAD_BLOCKS * runs * LOOPS / launcherSeconds;
        double served = LOAD_BLOCKS * execs * CLIENTS / execSeconds;
        figures.add(new Figure("launcher alone, two loops", launches, "/s"));
        figures.add(new Figure(EXEC + ", " + CLIENTS + " clients", served, "/s"));
        Figure share =
                new Figure(EXEC + ", " + CLIENTS + " clients, share of the launcher's", served / launches * 100, "%");
        figures.add(share);
        return share;
    }

    private Figure besideStreams(OwnServer server) throws IOException, InterruptedException {
        String quiet = "GET /healthz, quiet";
        String beside = "GET /healthz, %d silent streams".formatted(amount.streams());
        try (HttpClient http =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            HttpRequest health =
                    HttpRequest.newBuilder(server.uri().resolve("/healthz")).build();
            Samples warmUp = new Samples();
            health(http, health, HEALTH_WARM_UPS, quiet, warmUp);
            health(http, health, HEALTH_CHECKS, quiet, samples);
            List<Client> tenants = new ArrayList<>();
            List<InputStream> open = new ArrayList<>();
            try {
                for (int i = 0; i < TENANTS; i++) {
                    tenants.add(new Client(server.uri(), "silent-" + i));
                }
                for (int i = 0; i < amount.streams(); i++) {
                    tell("opening silent streams, %d of %d".formatted(i, amount.streams()));
                    open.add(silent(tenants.get(i % TENANTS)));
                }
                health(http, health, HEALTH_CHECKS, beside, samples);
                double still = server.metrics().getOrDefault("execs_active", 0.0);
                figures.add(new Figure("silent streams still open", still, ""));
                figures.add(new Figure(
                        "server RSS, %d silent streams".formatted(amount.streams()), server.rssMib(), "MiB"));
            } finally {
                for (InputStream stream : open) {
                    stream.close();
                }
                tenants.forEach(Client::close);
            }
        }
        return new Figure(
                beside + ", p95", Measured.of(beside, samples.of(beside)).p95(), "ms");
    }

    /** A command that runs and says nothing. */
    private static InputStream silent(Client tenant) throws IOException, InterruptedException {
        InputStream stream = tenant.execStream(List.of("/bin/sleep", "600"), Map.of());
        // Not closed: that would close the stream beneath, and end the command.
        BufferedReader lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); !"event: started".equals(line); line = lines.readLine()) {
            if (line == null) {
                throw new IOException("a silent command ended");
            }
        }
        return stream;
    }

    private static void health(HttpClient http, HttpRequest request, int times, String name, Samples into)
            throws IOException, InterruptedException {
        for (int i = 0; i < times; i++) {
            long began = System.nanoTime();
            int status = http.send(request, BodyHandlers.discarding()).statusCode();
            into.add(name, (System.nanoTime() - began) / 1e6);
            if (status != 200) {
                throw new IOException("GET /healthz: HTTP " + status);
            }
        }
    }
}
