package dev.cloister.cli.attack;

import dev.cloister.isolation.tck.Naive;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The running control for attacks over the API, see {@link Naive}. Closing it ends it. */
record NaiveServer(URI base, Path trees, SandboxProcess process) implements AutoCloseable {
    static NaiveServer start(SandboxTenant place) throws IOException {
        Path trees = Files.createDirectories(place.work().resolve("trees"));
        SandboxProcess process = place.sandbox()
                .launch(new ProcessSpec(
                        List.of("python3", "-c", Naive.script(), trees.toString()),
                        Map.of(),
                        place.sandbox().paths().work()));
        BufferedReader lines = new BufferedReader(new InputStreamReader(process.stdout(), StandardCharsets.UTF_8));
        String line = lines.readLine();
        if (line == null || !line.startsWith("READY ")) {
            process.terminate(Duration.ZERO);
            throw new IOException("the server without checks did not start: "
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
        return new NaiveServer(URI.create("http://127.0.0.1:" + line.substring("READY ".length())), trees, process);
    }

    @Override
    public void close() {
        process.terminate(Duration.ZERO);
    }
}
