package dev.cloister.isolation.local.launch;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command under its supervisor, and the one place with the ladder that ends it: TERM to the command, grace, TERM to the
 * supervisor (which kills all and tidies up), and if that does not help, KILL to every process and a sweep.
 */
public final class SupervisedProcess implements SandboxProcess {
    private static final Logger log = LoggerFactory.getLogger(SupervisedProcess.class);
    private static final Duration SUPERVISOR_TIME = Duration.ofSeconds(4);
    private static final int MAX_STATUS = 256;
    private static final Duration LOOK = Duration.ofMillis(250);

    private final Process supervisor;
    private final Path statusFile;
    private final AtomicBoolean ended = new AtomicBoolean();
    private final CompletableFuture<ExitStatus> status;

    /**
     * @param abandoned runs when the supervisor ended without saying how: something killed it, and what it watched over
     *     may still run
     * @param afterwards runs once everything is gone, before anybody who waits is told
     */
    SupervisedProcess(Process supervisor, Path statusFile, Runnable abandoned, Runnable afterwards) {
        this.supervisor = supervisor;
        this.statusFile = statusFile;
        this.status = supervisor
                .onExit()
                .thenApplyAsync(
                        process -> {
                            try {
                                return readStatus(process.exitValue(), abandoned);
                            } finally {
                                afterwards.run();
                            }
                        },
                        task -> Thread.ofVirtual().name("process-end").start(task));
    }

    private ExitStatus readStatus(int supervisorExit, Runnable abandoned) {
        String line = "";
        // The tenant can write to the file as well, and as much as it likes.
        try (InputStream in = Files.newInputStream(statusFile)) {
            line = new String(in.readNBytes(MAX_STATUS), StandardCharsets.US_ASCII)
                    .lines()
                    .findFirst()
                    .orElse("");
        } catch (IOException e) {
            log.warn("the status of a launch could not be read: {}", e.toString());
        }
        String[] words = line.split(" ", 2);
        return switch (words[0]) {
            case "exited" -> ended.get() ? new ExitStatus.Cancelled() : new ExitStatus.Exited(number(words));
            case "signalled" -> ended.get() ? new ExitStatus.Cancelled() : new ExitStatus.Signalled(number(words));
            case "ended" -> new ExitStatus.Cancelled();
            case "refused" -> {
                log.warn(
                        "a launch was refused by its supervisor: {}",
                        words.length > 1 ? words[1].replaceAll("[^ -~]", "?") : "no reason given");
                yield new ExitStatus.Exited(supervisorExit);
            }
            default -> {
                abandoned.run();
                yield ended.get() ? new ExitStatus.Cancelled() : new ExitStatus.Signalled(9);
            }
        };
    }

    private static int number(String[] words) {
        try {
            return Integer.parseInt(words[1]);
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            // The tenant wrote that; it can only lie about its own command.
            return 255;
        }
    }

    /** Runs something once the process and all it started are gone; at once if they are already. */
    public void whenGone(Runnable action) {
        status.whenComplete((ended, failure) -> action.run());
    }

    @Override
    public long pid() {
        return supervisor.pid();
    }

    @Override
    public OutputStream stdin() {
        return supervisor.getOutputStream();
    }

    @Override
    public InputStream stdout() {
        return supervisor.getInputStream();
    }

    @Override
    public InputStream stderr() {
        return supervisor.getErrorStream();
    }

    @Override
    public boolean isAlive() {
        return !status.isDone();
    }

    @Override
    public void terminate(Duration grace) {
        if (status.isDone()) {
            return;
        }
        ended.set(true);
        if (!grace.isZero()) {
            supervisor.toHandle().children().forEach(ProcessHandle::destroy);
            if (endsWithin(grace)) {
                return;
            }
        }
        supervisor.destroy();
        if (supervisorEnds()) {
            return;
        }
        log.warn("the supervisor {} did not end in time and is killed", supervisor.pid());
        supervisor.descendants().forEach(ProcessHandle::destroyForcibly);
        supervisor.destroyForcibly();
        endsWithin(SUPERVISOR_TIME);
    }

    /** Gives the supervisor its time, unless the tenant has stopped it: then it obeys nothing but KILL. */
    private boolean supervisorEnds() {
        long deadline = System.nanoTime() + SUPERVISOR_TIME.toNanos();
        do {
            if (endsWithin(LOOK)) {
                return true;
            }
        } while (!ProcessTable.isStopped(supervisor.pid()) && System.nanoTime() < deadline);
        return false;
    }

    private boolean endsWithin(Duration time) {
        try {
            status.get(time.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException("the end of a process could not be handled", e.getCause());
        } catch (InterruptedException e) {
            // Ending must not be left half done because somebody is in a hurry.
            supervisor.destroy();
            Thread.currentThread().interrupt();
            return true;
        }
    }

    @Override
    public ExitStatus await() throws InterruptedException {
        try {
            return status.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("the end of a process could not be handled", e.getCause());
        }
    }
}
