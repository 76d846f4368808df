package dev.cloister.cli.bench;

import dev.cloister.isolation.local.launch.Launcher;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Times commands with a small C program, so that no JVM is in the figures: it costs as much as what is measured. */
final class NativeTimer {
    private final Path program;

    NativeTimer(Path directory) throws IOException {
        program = Launcher.unpack("measure", directory);
    }

    /**
     * Runs each command so many times in turns, after one turn that does not count.
     *
     * @param commands by name; no word has a tab
     * @param samples gets the milliseconds of each run that ended with 0
     * @return what a command, if any, said or came to that did not
     */
    Optional<String> run(Map<String, List<String>> commands, int rounds, Samples samples)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(program.toString(), Integer.toString(rounds), "1");
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin");
        Process process = builder.redirectErrorStream(true).start();
        try (OutputStream stdin = process.getOutputStream()) {
            for (Map.Entry<String, List<String>> command : commands.entrySet()) {
                String line = command.getKey() + "\t" + String.join("\t", command.getValue()) + "\0";
                stdin.write(line.getBytes(StandardCharsets.UTF_8));
            }
        }
        List<String> others = new ArrayList<>();
        for (String line : new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList()) {
            String[] fields = line.split("\t", -1);
            if (fields.length == 2 && commands.containsKey(fields[0])) {
                samples.add(fields[0], Double.parseDouble(fields[1]));
            } else {
                others.add(line.replace('\t', ' '));
            }
        }
        process.waitFor();
        return others.isEmpty()
                ? Optional.empty()
                : Optional.of(String.join("; ", others.stream().distinct().toList()));
    }
}
