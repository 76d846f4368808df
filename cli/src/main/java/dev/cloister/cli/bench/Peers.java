package dev.cloister.cli.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Other HTTP front ends of the agent's program, each started as its users would, with the same program as {@code claude} and
 * the same upstream.
 *
 * @param installed where npm put them
 * @param executable the agent's program
 */
record Peers(Path installed, TurnPlace place, Path executable, String upstream) {
    /** Says in which directory the `cloister` script installed them. */
    static final String VARIABLE = "CLOISTER_BENCH_PEERS";

    static final List<String> NAMES = List.of(MaxApiProxy.NAME, SandboxAgent.NAME);
    private static final Duration START = Duration.ofMinutes(1);
    private static final long STEP_MS = 50;
    private static final Set<PosixFilePermission> PROGRAM = PosixFilePermissions.fromString("rwxr-xr-x");

    /** One of them, running. */
    record Running(Process process, URI base) {}

    /**
     * Starts all that can be started.
     *
     * @param leftOut gets why one could not, by name
     */
    List<TurnWay> ways(TurnClient client, Map<String, String> leftOut) throws InterruptedException {
        List<TurnWay> ways = new ArrayList<>();
        try {
            ways.add(MaxApiProxy.start(this, client));
        } catch (IOException e) {
            leftOut.put(MaxApiProxy.NAME, String.valueOf(e.getMessage()));
        }
        try {
            ways.addAll(SandboxAgent.start(this, client));
        } catch (IOException e) {
            leftOut.put(SandboxAgent.NAME, String.valueOf(e.getMessage()));
        }
        return ways;
    }

    /** A program of an installed package, which has to be there. */
    Path program(String path) throws IOException {
        Path program = installed.resolve("node_modules").resolve(path);
        if (!Files.isRegularFile(program)) {
            throw new IOException("not installed for this machine: there is no " + path);
        }
        return program;
    }

    /** A copy that can be run: npm leaves the mode of what a package's own script would make executable. */
    Path executable(Path program, String name) throws IOException {
        Path copy = place.directory(name).resolve("program");
        Files.copy(program, copy);
        Files.setPosixFilePermissions(copy, PROGRAM);
        return copy;
    }

    /** Writes a shell script, at a path below the place. */
    void script(String path, String command) throws IOException {
        Path script = place.path().resolve(path);
        Files.createDirectories(script.getParent());
        Files.writeString(script, "#!/bin/sh\n" + command + "\n");
        Files.setPosixFilePermissions(script, PROGRAM);
    }

    /** The place of its own that a peer works in. */
    Path work(String name) throws IOException {
        return place.directory(name + "/work");
    }

    /**
     * Starts one and returns when it is healthy.
     *
     * @param health the path that answers then
     */
    Running start(String name, int port, List<String> command, Map<String, String> more, String health)
            throws IOException, InterruptedException {
        Path log = place.directory(name).resolve("log");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(work(name).toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        String path = builder.environment().getOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin");
        builder.environment().clear();
        builder.environment().putAll(environment(name, path));
        builder.environment().putAll(more);
        Running running = new Running(place.start(builder), URI.create("http://127.0.0.1:" + port));
        try (TurnClient client = new TurnClient(name)) {
            long began = System.nanoTime();
            while (!answers(client, running.base().resolve(health))) {
                if (!running.process().isAlive() || System.nanoTime() - began > START.toNanos()) {
                    throw new IOException(
                            "did not start: " + Files.readString(log).strip());
                }
                Thread.sleep(STEP_MS);
            }
        }
        return running;
    }

    private static boolean answers(TurnClient client, URI health) throws InterruptedException {
        try {
            return client.send("GET", health, Optional.empty()).statusCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    private Map<String, String> environment(String name, String path) throws IOException {
        Path programs = place.directory(name + "/bin");
        Files.createSymbolicLink(programs.resolve("claude"), executable.toAbsolutePath());
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("HOME", place.directory(name + "/home").toString());
        environment.put("TMPDIR", place.directory(name + "/tmp").toString());
        environment.put("PATH", programs + ":" + path);
        environment.put("LANG", "C.UTF-8");
        environment.put("ANTHROPIC_BASE_URL", upstream);
        environment.put("ANTHROPIC_API_KEY", "sk-ant-api03-of-nobody");
        environment.put("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        environment.put("DISABLE_AUTOUPDATER", "1");
        return environment;
    }

    /** One that was free a moment ago: they cannot be told to take any. */
    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
