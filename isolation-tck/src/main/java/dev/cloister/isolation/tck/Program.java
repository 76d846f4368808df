package dev.cloister.isolation.tck;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Programs in the machine's own code. A sandbox need not have a compiler, so the host's makes them, and they are carried in
 * as an argument: without a C library they are small enough for that. Thread-safe.
 */
final class Program {
    private static final String COMPILER = "cc";

    /** Writes its argument into a file, runs that, and leaves nothing. */
    private static final String CARRIER =
            "umask 077; printf %s \"$1\" | base64 -d >.program && chmod 700 .program && ./.program; rm -f .program";

    private static final Map<String, String> MADE = new ConcurrentHashMap<>();

    private Program() {}

    /** Whether this host can make any. */
    static boolean canBeMade() {
        try {
            command("static int attack(void) { return 0; }");
            return true;
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    /**
     * The command that runs a text.
     *
     * @throws UncheckedIOException if it does not compile
     */
    static List<String> command(String text) {
        return List.of("/bin/sh", "-c", CARRIER, "sh", MADE.computeIfAbsent(text, Program::make));
    }

    private static String make(String text) {
        try {
            Path directory = Files.createTempDirectory("cloister-program-");
            Path source = directory.resolve("program.c");
            Path made = directory.resolve("program");
            try {
                Files.writeString(source, Texts.of("program.c") + text);
                compile(source, made);
                return Base64.getEncoder().encodeToString(Files.readAllBytes(made));
            } finally {
                Files.deleteIfExists(source);
                Files.deleteIfExists(made);
                Files.deleteIfExists(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void compile(Path source, Path made) throws IOException {
        Process compiler = new ProcessBuilder(
                        COMPILER,
                        "-Os",
                        "-static",
                        "-nostdlib",
                        "-ffreestanding",
                        "-fno-pie",
                        "-no-pie",
                        "-fno-stack-protector",
                        "-fno-asynchronous-unwind-tables",
                        "-fno-tree-loop-distribute-patterns",
                        // No page of its own for each section.
                        "-Wl,-z,noseparate-code,--build-id=none",
                        "-s",
                        "-o",
                        made.toString(),
                        source.toString())
                .redirectErrorStream(true)
                .start();
        compiler.getOutputStream().close();
        String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (compiler.waitFor() != 0) {
                throw new IOException(COMPILER + " did not make a program: " + said.strip());
            }
        } catch (InterruptedException e) {
            compiler.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while compiling", e);
        }
    }
}
