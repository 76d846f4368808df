package dev.cloister.cli.bench;

import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.isolation.local.launch.Launcher;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Times one command, {@code /bin/true}, from spawn to reaped: bare, in bare namespaces (the floor of every jail), in other
 * programs' jails where they are installed, and in each mode that this host has. All take turns in one run, because nothing
 * else makes their ratio mean anything on a machine that has other things to do.
 */
public final class LaunchBench {
    /** Native and JVM runs alternate in blocks of so many turns: enough for a warm block, short for a machine's moods. */
    private static final int BLOCK = 5;

    private static final int JVM_WARM_UPS = 20;
    private static final long SILENCE = TimeUnit.SECONDS.toNanos(2);
    private static final String TRUE = "/bin/true";
    private static final String FLOOR = "floor";

    /** The least that a process beside the command costs; every mode has one. */
    private static final String MONITOR = "monitor";

    private final Consumer<String> progress;
    private final int rounds;
    private final Map<String, String> leftOut = new LinkedHashMap<>();
    private long said = System.nanoTime();

    private LaunchBench(int rounds, Consumer<String> progress) {
        this.rounds = rounds;
        this.progress = progress;
    }

    /**
     * What was measured.
     *
     * @param leftOut what was not, and why, by name
     */
    public record Report(Machine machine, List<Measured> results, Map<String, String> leftOut) {
        public Report {
            results = List.copyOf(results);
            leftOut = Collections.unmodifiableMap(new LinkedHashMap<>(leftOut));
        }

        /** How many times the floor it took; empty where the host has no floor. */
        public Optional<Double> ratio(Measured one) {
            return results.stream()
                    .filter(other -> other.name().equals(FLOOR))
                    .findFirst()
                    .map(floor -> Math.round(one.p50() / floor.p50() * 1000) / 1000.0);
        }
    }

    /**
     * Leaves nothing behind.
     *
     * @param environment the server's; names the programs' path and a container
     * @param rounds how often each command is timed
     * @param progress gets a line for what takes long
     */
    public static Report run(
            CloisterConfig config, Map<String, String> environment, int rounds, Consumer<String> progress) {
        try (TrialHost trial = TrialHost.make(config, "bench");
                OpenModes modes = new OpenModes(trial, progress)) {
            return new LaunchBench(rounds, progress).run(trial, modes, environment);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while measuring", e);
        }
    }

    private Report run(TrialHost trial, OpenModes modes, Map<String, String> environment)
            throws IOException, InterruptedException {
        Path scratch = trial.host().scratch();
        NativeTimer timer = new NativeTimer(scratch);
        leftOut.putAll(modes.missing());
        Map<String, List<String>> commands = commands(scratch, modes, environment);
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
        List<Double> loadBefore = Machine.load();
        Samples samples = new Samples();
        for (int done = 0; done < rounds; done += BLOCK) {
            tell("round " + done + " of " + rounds);
            int block = Math.min(BLOCK, rounds - done);
            Optional<String> failed = timer.run(commands, block, samples);
            if (failed.isPresent()) {
                throw new IOException("a command failed that had not failed before: " + failed.get());
            }
            for (int i = 0; i < block; i++) {
                for (String mode : modes.names()) {
                    samples.add(mode + " (jvm)", modes.time(mode));
                }
            }
        }
        return new Report(Machine.of(trial.host(), loadBefore), samples.measured(), leftOut);
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

    private Map<String, List<String>> commands(Path scratch, OpenModes modes, Map<String, String> environment)
            throws IOException {
        Map<String, List<String>> all = new LinkedHashMap<>();
        all.put("bare", List.of(TRUE));
        for (String program : List.of(MONITOR, FLOOR)) {
            all.put(program, List.of(Launcher.unpack(program, scratch).toString(), TRUE));
        }
        String path = environment.getOrDefault("PATH", "/usr/bin:/bin");
        others(environment).forEach((name, arguments) -> {
            Optional<Path> program = find(path, arguments.getFirst());
            if (program.isEmpty()) {
                leftOut.put(name, "not installed");
                return;
            }
            List<String> command = new ArrayList<>(arguments);
            command.set(0, program.get().toString());
            all.put(name, command);
        });
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

    /** Other programs' jails, as their users would call them for the same purpose. */
    private static Map<String, List<String>> others(Map<String, String> environment) {
        Map<String, List<String>> all = new LinkedHashMap<>();
        all.put("unshare", words("unshare -Urpmiun --fork --mount-proc " + TRUE));
        all.put("bwrap", words("bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp " + TRUE));
        all.put("nsjail", words("nsjail -Mo --chroot / -q -- " + TRUE));
        String container = environment.getOrDefault("CLOISTER_BENCH_CONTAINER", "");
        if (!container.isEmpty()) {
            all.put("docker exec", List.of("docker", "exec", container, TRUE));
        }
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
