package dev.cloister.cli.attack;

import dev.cloister.isolation.tck.Naive;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One of {@link Naive}'s texts, running. Closing it ends it.
 *
 * @param said what it said when it was ready
 */
record NaiveProgram(String said, SandboxProcess process) implements AutoCloseable {
    static NaiveProgram start(SandboxTenant place, String text, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("python3", "-c", text));
        command.addAll(arguments);
        SandboxProcess process = place.sandbox()
                .launch(new ProcessSpec(
                        command, Map.of(), place.sandbox().paths().work()));
        BufferedReader lines = new BufferedReader(new InputStreamReader(process.stdout(), StandardCharsets.UTF_8));
        String line = lines.readLine();
        if (line == null || !line.startsWith("READY")) {
            process.terminate(Duration.ZERO);
            throw new IOException("what checks nothing did not start: "
                    + new String(process.stderr().readAllBytes(), StandardCharsets.UTF_8));
        }
        Thread.ofPlatform().daemon(true).name("naive-stderr").start(() -> {
            try {
                process.stderr().skip(Long.MAX_VALUE);
            } catch (IOException e) {
                // It was ended.
                return;
            }
        });
        return new NaiveProgram(line.substring("READY".length()).strip(), process);
    }

    @Override
    public void close() {
        process.terminate(Duration.ZERO);
    }
}
