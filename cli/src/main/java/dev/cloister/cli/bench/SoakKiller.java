package dev.cloister.cli.bench;

import dev.cloister.isolation.local.process.ProcessTable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/** Kills agents of a server, as a host that is out of memory does. */
final class SoakKiller {
    private final OwnServer server;
    private final SoakTally tally;
    private final Random random;

    SoakKiller(OwnServer server, SoakTally tally, long seed) {
        this.server = server;
        this.tally = tally;
        this.random = new Random(seed);
    }

    /** Every process that descends from the server. */
    static Set<Long> below(OwnServer server) throws IOException {
        Set<Long> found = new HashSet<>(ProcessTable.read().trees(Set.of(server.pid())));
        found.remove(server.pid());
        return found;
    }

    /** What a process was started with; empty for one that is gone. */
    static List<String> arguments(long pid) {
        try {
            return Arrays.asList(
                    Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1)
                            .split("\0", -1));
        } catch (IOException e) {
            return List.of();
        }
    }

    /** The session of an agent, by its arguments; empty for any other process. */
    static Optional<String> session(List<String> arguments) {
        int option = Math.max(arguments.indexOf("--session-id"), arguments.indexOf("--resume"));
        return option > 0 && option + 1 < arguments.size() ? Optional.of(arguments.get(option + 1)) : Optional.empty();
    }

    /** Kills one that is drawn, if any lives, whether it works or waits. */
    void killOne() throws IOException, InterruptedException {
        String executable =
                server.config().agent().executable().map(Path::toString).orElse("");
        Map<Long, String> agents = new TreeMap<>();
        ProcessTable table = ProcessTable.read();
        for (long pid : table.trees(Set.of(server.pid()))) {
            List<String> arguments = arguments(pid);
            if (!arguments.isEmpty() && arguments.getFirst().equals(executable)) {
                session(arguments).ifPresent(session -> agents.put(pid, session));
            }
        }
        // A process that an agent is just starting still has the agent's arguments; its death would be a failed tool.
        Set<Long> alike = Set.copyOf(agents.keySet());
        table.processes().values().stream()
                .filter(entry -> alike.contains(entry.parent()))
                .forEach(entry -> agents.remove(entry.pid()));
        if (agents.isEmpty()) {
            return;
        }
        List<Long> pids = List.copyOf(agents.keySet());
        long pid = pids.get(random.nextInt(pids.size()));
        long from = System.nanoTime();
        // The JVM refuses to end some processes by a handle; the command does not.
        int exit = new ProcessBuilder("kill", "-KILL", Long.toString(pid))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        if (exit == 0) {
            tally.killed(agents.getOrDefault(pid, ""), from, System.nanoTime());
        }
    }
}
