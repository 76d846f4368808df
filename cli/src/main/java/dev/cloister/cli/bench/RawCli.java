package dev.cloister.cli.bench;

import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.agent.StreamJson;
import dev.cloister.spi.ProcessSpec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The agent's program as anybody would start it for a program to talk to, without a sandbox or a broker. */
final class RawCli implements AutoCloseable {
    private static final String PATH = "/usr/local/bin:/usr/bin:/bin";
    private static final long PATIENCE_SECONDS = 10;

    private final Process process;
    private final BufferedReader lines;
    private final OutputStream stdin;

    private RawCli(Process process) {
        this.process = process;
        this.lines = process.inputReader(StandardCharsets.UTF_8);
        this.stdin = process.getOutputStream();
    }

    /** The same command as in the sandbox, talking to an upstream over HTTP instead of to a broker. Pure. */
    static ProcessSpec plan(ProcessSpec sandboxed, String upstream, Path home, Path tmp) {
        Map<String, String> environment = new TreeMap<>(sandboxed.env());
        environment.remove("ANTHROPIC_UNIX_SOCKET");
        environment.put("ANTHROPIC_BASE_URL", upstream);
        environment.put("HOME", home.toString());
        environment.put("TMPDIR", tmp.toString());
        environment.put("PATH", PATH);
        environment.put("LANG", "C.UTF-8");
        environment.put("GIT_CONFIG_NOSYSTEM", "1");
        environment.put("USER", "agent");
        environment.put("LOGNAME", "agent");
        environment.put("SHELL", "/bin/bash");
        return sandboxed.withEnv(environment);
    }

    static RawCli start(TurnPlace place, ProcessSpec plan) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(plan.command())
                .directory(Path.of(plan.cwd()).toFile())
                .redirectError(place.path().resolve("raw.err").toFile());
        builder.environment().clear();
        builder.environment().putAll(plan.env());
        return new RawCli(place.start(builder));
    }

    /** A user message as a line, with its end. */
    private static byte[] line(String message) {
        ObjectNode line = JsonMapper.shared().createObjectNode().put("type", "user");
        line.putObject("message")
                .put("role", "user")
                .putArray("content")
                .addObject()
                .put("type", "text")
                .put("text", message);
        return (line + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** @param began when the time began to count, by {@link System#nanoTime} */
    TurnTime turn(String message, long began) throws IOException {
        TurnTime.Watch watch = new TurnTime.Watch(began);
        stdin.write(line(message));
        stdin.flush();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            long at = System.nanoTime();
            for (AgentEvent event : StreamJson.parse(line)) {
                if (event instanceof AgentEvent.Model model) {
                    watch.event(at, TurnClient.text(model.event()));
                } else if (event instanceof AgentEvent.Result result) {
                    if (result.failed()) {
                        throw new IOException("the agent's turn failed: " + result.text());
                    }
                    return watch.end();
                }
            }
        }
        throw new IOException("the agent ended without a result");
    }

    /** Lets it end, and returns when it has. */
    @Override
    public void close() {
        try {
            stdin.close();
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (IOException e) {
            process.destroyForcibly();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
