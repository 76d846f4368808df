package dev.cloister.cli.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What people type to run something in a container that runs. */
final class DockerExec {
    private static final long PATIENCE_SECONDS = 20;

    private DockerExec() {}

    /**
     * The command line that runs a program in the one container that sees a directory of the host.
     *
     * @param client the program {@code docker}
     * @param engine its socket
     * @throws IOException saying why there is none
     */
    static List<String> command(Path client, Path engine, Path mounted, List<String> program)
            throws IOException, InterruptedException {
        List<String> docker = List.of(client.toString(), "--host", "unix://" + engine);
        List<String> look = concat(docker, List.of("ps", "--quiet", "--no-trunc", "--filter", "volume=" + mounted));
        Process process = new ProcessBuilder(look).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
        if (process.waitFor() != 0 || !said.matches("[0-9a-f]{12,64}")) {
            throw new IOException(
                    "the client does not find the container: " + (said.isEmpty() ? "it knows none" : said));
        }
        return concat(docker, concat(List.of("exec", said), program));
    }

    private static List<String> concat(List<String> first, List<String> second) {
        return Stream.concat(first.stream(), second.stream()).toList();
    }
}
