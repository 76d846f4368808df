package dev.cloister.isolation.microvm.firecracker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A machine's process, which need not be this server's child. Thread-safe. */
record HostProcess(ProcessHandle handle) {
    private static final Path PROC = Path.of("/proc");
    private static final Duration PAUSE = Duration.ofMillis(2);
    private static final String STATE = "State:\t";
    private static final String UID = "Uid:\t";

    /**
     * The Firecracker that runs as this uid and was told that it is this machine. A file with its pid would be in the reach of the
     * process itself.
     */
    static Optional<HostProcess> find(String id, long uid) {
        return ProcessHandle.allProcesses()
                .map(HostProcess::new)
                .filter(process -> process.isAlive() && process.isCalled(id) && process.runsAs(uid))
                .findFirst();
    }

    private boolean isCalled(String id) {
        try {
            List<String> arguments = List.of(
                    Files.readString(of("cmdline"), StandardCharsets.ISO_8859_1).split("\0", -1));
            int name = arguments.indexOf("--id");
            return name >= 0
                    && name + 1 < arguments.size()
                    && arguments.get(name + 1).equals(id)
                    && arguments.contains("--api-sock")
                    // The jailer, and what starts it, has its name as well.
                    && !arguments.contains("--exec-file");
        } catch (IOException e) {
            // It ended while we looked.
            return false;
        }
    }

    private boolean runsAs(long uid) {
        return status(UID).map(uids -> uids.startsWith(uid + "\t")).orElse(false);
    }

    /** A process that ended, and whose parent has not yet taken notice, is no longer alive. */
    boolean isAlive() {
        return handle.isAlive()
                && status(STATE).filter(state -> !state.startsWith("Z")).isPresent();
    }

    private Optional<String> status(String key) {
        try (Stream<String> lines = Files.lines(of("status"), StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(key.length()))
                    .findFirst();
        } catch (IOException | UncheckedIOException e) {
            // It ended while we looked.
            return Optional.empty();
        }
    }

    private Path of(String file) {
        return PROC.resolve(handle.pid() + "/" + file);
    }

    /** Kills it, and returns when it is gone or after {@code patience}: whether it is gone. An interrupt is kept for later. */
    boolean end(Duration patience) {
        handle.destroyForcibly();
        boolean interrupted = false;
        long start = System.nanoTime();
        try {
            while (isAlive()) {
                if (System.nanoTime() - start > patience.toNanos()) {
                    return false;
                }
                try {
                    Thread.sleep(PAUSE);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
