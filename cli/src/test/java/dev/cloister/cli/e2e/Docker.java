package dev.cloister.cli.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * An engine as its own command line sees it, past the server.
 *
 * @param socket the engine's, as a path
 */
record Docker(String socket, String image) {
    /** The one that {@code ./cloister verify} starts, and what it has. */
    static Docker shared() {
        return new Docker(System.getenv("CLOISTER_TEST_ENGINE"), System.getenv("CLOISTER_TEST_IMAGE"));
    }

    static boolean isThere() {
        return System.getenv("CLOISTER_TEST_ENGINE") != null;
    }

    /** What a server in container mode is told, and more, each key before its value. */
    Map<String, String> options(String... more) {
        Map<String, String> all = new TreeMap<>();
        all.put("isolation.mode", "container");
        all.put("container.engine", socket);
        all.put("container.image", image);
        all.put("identity.admission", "open");
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        return all;
    }

    /** All that it says, whatever comes of it. */
    String run(String... arguments) {
        try {
            List<String> command = new ArrayList<>(List.of("docker", "--host", "unix://" + socket));
            command.addAll(List.of(arguments));
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            return said;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The ids of the containers that see something below a directory, and when each was started last. */
    Map<String, String> containers(Path directory) {
        Map<String, String> found = new TreeMap<>();
        List<String> inspect =
                new ArrayList<>(List.of("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.HostConfig.Binds}}"));
        run("ps", "-aq", "--no-trunc").lines().forEach(inspect::add);
        if (inspect.size() > 3) {
            run(inspect.toArray(String[]::new))
                    .lines()
                    .filter(line -> line.contains(directory.toString()))
                    .map(line -> line.split(" ", 3))
                    .forEach(words -> found.put(words[0], words[1]));
        }
        return found;
    }
}
