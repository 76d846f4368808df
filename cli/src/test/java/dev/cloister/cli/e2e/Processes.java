package dev.cloister.cli.e2e;

import dev.cloister.isolation.local.process.ProcessTable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** What runs on this machine, as /proc tells it; zombies do not count. */
final class Processes {
    private Processes() {}

    static Set<Long> ofUid(long uid) throws IOException {
        return Set.copyOf(ProcessTable.read().ofUid(uid));
    }

    /** Every process that descends from one, without itself. */
    static Set<Long> below(long pid) throws IOException {
        Set<Long> found = new HashSet<>(ProcessTable.read().trees(Set.of(pid)));
        found.remove(pid);
        return found;
    }

    /** How long something sleeps, unmistakably: runs of the tests at the same time must not find each other's processes. */
    static String sleepLength() {
        return Integer.toString(ThreadLocalRandom.current().nextInt(1_000_000, Integer.MAX_VALUE));
    }

    /** Those with exactly this argument, such as the length of a sleep. */
    static Set<Long> withArgument(String argument) throws IOException {
        Set<Long> found = new HashSet<>();
        for (long pid : ProcessTable.read().processes().keySet()) {
            if (arguments(pid).contains(argument)) {
                found.add(pid);
            }
        }
        return found;
    }

    /** Empty for a process that is gone. */
    static List<String> arguments(long pid) {
        try {
            String line =
                    Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
            return Arrays.asList(line.split("\0", -1));
        } catch (IOException e) {
            return List.of();
        }
    }

    /** Which of these still run. A number given to a new process meanwhile would count, which a test can only fail by. */
    static Map<Long, List<String>> alive(Set<Long> pids) throws IOException {
        Map<Long, List<String>> found = new HashMap<>();
        for (long pid : new ArrayList<>(ProcessTable.read().processes().keySet())) {
            if (pids.contains(pid)) {
                found.put(pid, arguments(pid));
            }
        }
        return found;
    }

    /** A launcher wipes its arguments, but not its name. */
    static boolean isLauncher(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "comm"))
                    .equals("cloister-launch\n");
        } catch (IOException e) {
            return false;
        }
    }

    static void kill(long pid) throws IOException, InterruptedException {
        // The JVM refuses to end some processes by a handle; the command does not.
        int exit =
                new ProcessBuilder("kill", "-KILL", Long.toString(pid)).start().waitFor();
        if (exit != 0 && !alive(Set.of(pid)).isEmpty()) {
            throw new IOException("kill " + pid + " ended with " + exit);
        }
    }
}
