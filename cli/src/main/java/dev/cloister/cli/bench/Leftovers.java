package dev.cloister.cli.bench;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.isolation.local.process.ProcessTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** What a server that was busy has not taken away. */
final class Leftovers {
    private static final Duration STEP = Duration.ofMillis(200);

    private final OwnServer server;
    private final List<String> found = new ArrayList<>();

    Leftovers(OwnServer server) {
        this.server = server;
    }

    List<String> found() {
        return List.copyOf(found);
    }

    /** Looks for processes of a server that has nothing to do. Its agents have so much time to be idle and to end. */
    void whileItRuns(Duration time) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + time.toNanos();
        Set<Long> left = SoakKiller.below(server);
        while (!left.isEmpty() && System.nanoTime() < deadline) {
            Pause.of(STEP);
            left = SoakKiller.below(server);
        }
        add("with nothing to do", left);
    }

    /** Stops the server, and looks for processes of its own and of its tenants, and for files of what ran. */
    void afterItStopped() throws IOException, InterruptedException {
        Set<Long> before = SoakKiller.below(server);
        if (!server.stop()) {
            found.add("the server did not stop within a minute");
        }
        ProcessTable now = ProcessTable.read();
        Set<Long> left = new HashSet<>(before);
        left.retainAll(now.processes().keySet());
        for (long uid : tenants()) {
            left.addAll(now.ofUid(uid));
        }
        add("after the server stopped", left);
        Path run = server.config().paths().run();
        if (Files.exists(run, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> all = Files.walk(run)) {
                all.filter(path -> !path.equals(run)).forEach(path -> found.add(path + " after the server stopped"));
            }
        }
    }

    private void add(String when, Set<Long> pids) {
        pids.forEach(pid -> found.add("process " + pid + " " + SoakKiller.arguments(pid) + " " + when));
    }

    /** The uids that nobody but tenants has; none where all have the server's. */
    private Set<Long> tenants() throws IOException {
        Set<Long> uids = new HashSet<>();
        Path workspaces = server.config().paths().workspaces();
        try (Stream<Path> trees = Files.list(workspaces)) {
            for (Path work : trees.map(tree -> tree.resolve("work")).toList()) {
                if (Files.isDirectory(work, LinkOption.NOFOLLOW_LINKS)) {
                    uids.add(((Number) Files.getAttribute(work, "unix:uid", LinkOption.NOFOLLOW_LINKS)).longValue());
                }
            }
        }
        uids.remove(HostFacts.uid());
        return uids;
    }
}
