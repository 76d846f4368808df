package dev.cloister.isolation.microvm.qemu;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.json.JsonMapper;

/**
 * The control connection to a QEMU, which takes one at a time. Thread-safe. Source: QEMU's docs/interop/qmp-spec and its QMP
 * reference manual.
 */
final class Qmp implements AutoCloseable {
    private static final ObjectReader READER = JsonMapper.shared().reader();
    private static final int PAUSE_MS = 5;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final SocketChannel channel;
    private final BufferedReader lines;

    private Qmp(SocketChannel channel) {
        this.channel = channel;
        this.lines = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
    }

    /** Connects as soon as it listens. */
    static Qmp at(Path socket, Duration patience) throws IOException {
        Qmp qmp = new Qmp(Sockets.connected(socket, patience));
        try {
            qmp.answer();
            qmp.run("qmp_capabilities", Map.of());
            return qmp;
        } catch (IOException | RuntimeException e) {
            qmp.close();
            throw e;
        }
    }

    /** @throws IOException if it refuses, with its words, or is gone */
    synchronized JsonNode run(String command, Map<String, ?> arguments) throws IOException {
        byte[] request = JsonMapper.shared()
                .writeValueAsBytes(
                        arguments.isEmpty()
                                ? Map.of("execute", command)
                                : Map.of("execute", command, "arguments", arguments));
        ByteBuffer bytes = ByteBuffer.allocate(request.length + 1)
                .put(request)
                .put((byte) '\n')
                .flip();
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        JsonNode answer = answer();
        while (answer.has("event")) {
            answer = answer();
        }
        if (answer.has("error")) {
            throw new IOException("QEMU answers to " + command + ": "
                    + answer.path("error").path("desc").asString());
        }
        return answer.path("return");
    }

    private JsonNode answer() throws IOException {
        // It serves one connection, and leaves another without a word.
        CompletableFuture<Void> answered = new CompletableFuture<>();
        answered.orTimeout(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).exceptionally(late -> {
            closeQuietly();
            return null;
        });
        String line;
        try {
            line = lines.readLine();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } finally {
            answered.complete(null);
        }
        if (line == null) {
            throw new EOFException("QEMU has ended");
        }
        return READER.readTree(line);
    }

    /** Waits until a migration, in or out, is over. */
    void awaitMigration(Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        String status = "";
        while (!status.equals("completed")) {
            status = run("query-migrate", Map.of()).path("status").asString("none");
            if (status.equals("failed") || System.nanoTime() > deadline) {
                throw new IOException("the state of a virtual machine was not moved: " + status);
            }
            Sockets.pause(PAUSE_MS);
        }
    }

    /** Waits until something in the guest has opened the port. */
    void awaitPort(Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!isOpen(run("query-chardev", Map.of()))) {
            if (System.nanoTime() > deadline) {
                throw new IOException("the guest was not up after " + patience.toSeconds() + " s");
            }
            Sockets.pause(PAUSE_MS);
        }
    }

    private static boolean isOpen(JsonNode devices) {
        for (JsonNode device : devices) {
            if (device.path("label").asString().equals(QemuArguments.CHANNEL)) {
                return device.path("frontend-open").asBoolean();
            }
        }
        return false;
    }

    private void closeQuietly() {
        try {
            close();
        } catch (IOException e) {
            // Whoever reads there finds it closed all the same.
            return;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
