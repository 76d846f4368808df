package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What each mode of this host costs, in three parts. One command, {@code /bin/true}, from spawn to reaped: bare, in bare namespaces (the
 * floor of every jail), in other programs' jails where they are installed, and in each mode; all take turns in one run, because nothing
 * else makes their ratio mean anything on a machine that has other things to do. Then {@link IdleTenants}, then {@link ModeTurns}.
 */
public final class LaunchBench {
    /** Native and JVM runs alternate in blocks of so many turns: enough for a warm block, short for a machine's moods. */
    private static final int BLOCK = 5;

    private static final int JVM_WARM_UPS = 20;

    /** Of idle tenants; their median counts. */
    private static final int IDLE_ROUNDS = 5;

    private static final long SILENCE = TimeUnit.SECONDS.toNanos(2);
    private static final String TRUE = "/bin/true";
    private static final String FLOOR = "floor";
    private static final String DOCKER_EXEC = "docker exec";

    /** The least that a process beside the command costs; every mode has one. */
    private static final String MONITOR = "monitor";

    /**
     * How much is measured.
     *
     * @param rounds how often each command is timed, 1 or more
     * @param tenants how many idle tenants of a mode there are at once; 0: that part is left out
     * @param turns how many turns are timed in each mode; 0: that part is left out
     */
    public record Amount(int rounds, int tenants, int turns) {}

    private final CloisterConfig config;
    private final Map<String, String> isolation;
    private final Map<String, String> environment;
    private final Amount amount;
    private final Consumer<String> progress;
    private final Samples samples = new Samples();
    private final List<Figure> figures = new ArrayList<>();
    private final Map<String, String> leftOut = new LinkedHashMap<>();
    private long said = System.nanoTime();

    private LaunchBench(
            CloisterConfig config,
            Map<String, String> isolation,
            Map<String, String> environment,
            Amount amount,
            Consumer<String> progress) {
        this.config = config;
        this.isolation = isolation;
        this.environment = environment;
        this.amount = amount;
        this.progress = progress;
    }

    /**
     * Leaves nothing behind.
     *
     * @param isolation what the configuration's sources say of isolation and its modes, by key
     * @param environment the server's; names the programs' path
     * @param progress gets a line for what takes long
     */
    public static BenchReport run(
            CloisterConfig config,
            Map<String, String> isolation,
            Map<String, String> environment,
            Amount amount,
            Consumer<String> progress)
            throws IOException, InterruptedException {
        return new LaunchBench(config, isolation, environment, amount, progress).measure();
    }

    private BenchReport measure() throws IOException, InterruptedException {
        List<Double> loadBefore = Machine.load();
        try (TrialHost trial = TrialHost.make(config, "bench")) {
            List<String> names;
            try (OpenModes modes = new OpenModes(trial, progress)) {
                leftOut.putAll(modes.missing());
                names = modes.names();
                launches(trial.host().scratch(), modes);
                idle(trial, modes);
            }
            turns(names);
            List<Measured> results = samples.measured();
            return new BenchReport(
                    "launch",
                    Machine.of(trial.host(), loadBefore),
                    FLOOR,
                    results,
                    figures,
                    promises(results),
                    leftOut);
        }
    }

    static List<Promise> promises(List<Measured> results) {
        return List.of(
                Promise.atMost(results, "namespaces (launcher)", FLOOR, 1.6, 0),
                Promise.atMost(results, "directories (launcher)", "bare", 1, 1),
                Promise.atMost(results, "chroot (launcher)", "namespaces (launcher)", 1, 1),
                Promise.atMost(results, ModeTime.COMMAND.of(IsolationMode.CONTAINER.id()), DOCKER_EXEC, 1, 0));
    }

    private void launches(Path scratch, OpenModes modes) throws IOException, InterruptedException {
        NativeTimer timer = new NativeTimer(scratch);
        Map<String, List<String>> commands = commands(scratch, modes);
        for (String name : List.copyOf(commands.keySet())) {
            Samples trialRun = new Samples();
            timer.run(Map.of(name, commands.getOrDefault(name, List.of())), 1, trialRun)
                    .ifPresent(why -> leaveOut(name, why, commands));
        }
        for (int i = 0; i < JVM_WARM_UPS; i++) {
            for (String mode : modes.names()) {
                modes.time(mode);
            }
        }
        for (int done = 0; done < amount.rounds(); done += BLOCK) {
            tell("round " + done + " of " + amount.rounds());
            int block = Math.min(BLOCK, amount.rounds() - done);
            Optional<String> failed = timer.run(commands, block, samples);
            if (failed.isPresent()) {
                throw new IOException("a command failed that had not failed before: " + failed.get());
            }
            for (int i = 0; i < block; i++) {
                for (String mode : modes.names()) {
                    samples.add(ModeTime.COMMAND.of(mode), modes.time(mode));
                }
            }
        }
    }

    private void idle(TrialHost trial, OpenModes modes) throws IOException, InterruptedException {
        if (amount.tenants() == 0) {
            leftOut.put("idle tenants", "none were asked for");
            return;
        }
        IdleTenants idle = new IdleTenants(trial, amount.tenants(), samples);
        for (int round = 0; round < IDLE_ROUNDS; round++) {
            for (String mode : modes.names()) {
                tell("idle tenants in %s mode, round %d of %d".formatted(mode, round + 1, IDLE_ROUNDS));
                idle.round(modes.provider(mode), round);
            }
        }
        figures.addAll(idle.figures());
    }

    private void turns(List<String> modes) throws IOException, InterruptedException {
        Optional<Path> agent = config.agent().executable();
        if (amount.turns() == 0 || agent.isEmpty()) {
            leftOut.put(
                    "turns",
                    amount.turns() == 0
                            ? "none were asked for"
                            : "the agent's program is not known; start through ./cloister, which installs it");
            return;
        }
        ModeTurns turns = new ModeTurns(isolation, agent.get().toString(), amount.turns(), samples, leftOut, progress);
        for (String mode : modes) {
            try {
                turns.measure(mode);
            } catch (IOException | CloisterException e) {
                // What was measured before is not to be lost by it.
                leftOut.put(mode + ", turns", String.valueOf(e.getMessage()));
            }
        }
        figures.addAll(turns.figures());
    }

    private void leaveOut(String name, String why, Map<String, List<String>> commands) {
        commands.remove(name);
        leftOut.put(name, why);
    }

    private void tell(String line) {
        if (System.nanoTime() - said > SILENCE) {
            said = System.nanoTime();
            progress.accept(line);
        }
    }

    private Map<String, List<String>> commands(Path scratch, OpenModes modes) throws IOException, InterruptedException {
        Map<String, List<String>> all = new LinkedHashMap<>();
        all.put("bare", List.of(TRUE));
        for (String program : List.of(MONITOR, FLOOR)) {
            all.put(program, List.of(Launcher.unpack(program, scratch).toString(), TRUE));
        }
        String path = environment.getOrDefault("PATH", "/usr/bin:/bin");
        others().forEach((name, arguments) -> {
            Optional<Path> program = find(path, arguments.getFirst());
            if (program.isEmpty()) {
                leftOut.put(name, "not installed");
                return;
            }
            List<String> command = new ArrayList<>(arguments);
            command.set(0, program.get().toString());
            all.put(name, command);
        });
        dockerExec(modes, path).ifPresent(command -> all.put(DOCKER_EXEC, command));
        for (String mode : modes.names()) {
            modes.commandLine(mode).ifPresent(command -> all.put(mode + " (launcher)", command));
        }
        for (String name : List.copyOf(all.keySet())) {
            if (all.getOrDefault(name, List.of()).stream().anyMatch(word -> word.contains("\t"))) {
                leaveOut(name, "one of its arguments has a tab, by which the timer tells them apart", all);
            }
        }
        return all;
    }

    /** In the container of the mode's own tenant. */
    private Optional<List<String>> dockerExec(OpenModes modes, String path) throws InterruptedException {
        String container = IsolationMode.CONTAINER.id();
        Optional<Path> client = find(path, "docker");
        if (!modes.names().contains(container) || client.isEmpty()) {
            leftOut.put(
                    DOCKER_EXEC,
                    client.isEmpty()
                            ? "no docker client in PATH; install docker-cli, or docker.io, to have it measured"
                            : "it is held against container mode, which this host does not have");
            return Optional.empty();
        }
        try {
            return Optional.of(DockerExec.command(
                    client.get(), config.isolation().container().engine(), modes.work(container), List.of(TRUE)));
        } catch (IOException e) {
            leftOut.put(DOCKER_EXEC, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    /** Other programs' jails, as their users would call them for the same purpose. */
    private static Map<String, List<String>> others() {
        Map<String, List<String>> all = new LinkedHashMap<>();
        all.put("unshare", words("unshare -Urpmiun --fork --mount-proc " + TRUE));
        all.put("bwrap", words("bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp " + TRUE));
        all.put("nsjail", words("nsjail -Mo --chroot / -q -- " + TRUE));
        return all;
    }

    private static List<String> words(String command) {
        return List.of(command.split(" "));
    }

    private static Optional<Path> find(String path, String program) {
        return Stream.of(path.split(":"))
                .filter(directory -> directory.startsWith("/"))
                .map(directory -> Path.of(directory, program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
