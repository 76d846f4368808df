package dev.cloister.isolation.local.launch;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command behind its walls, and the one place with the ladder that ends it: TERM to the command, grace, the order to end
 * everything, and if the launcher does not obey, KILL to it and a sweep of what it leaves.
 */
public final class LaunchedProcess implements SandboxProcess {
    private static final Logger log = LoggerFactory.getLogger(LaunchedProcess.class);
    private static final Duration LAUNCHER_TIME = Duration.ofSeconds(4);

    private final RunningLauncher launcher;
    private final Report report;
    private final AtomicBoolean ended = new AtomicBoolean();
    private final CompletableFuture<ExitStatus> status = new CompletableFuture<>();

    /**
     * @param abandoned runs when the launcher ended without saying how: something killed it, and what it watched over may
     *     still run
     * @param judged what the sandbox makes of an end, knowing more than the launcher does
     */
    LaunchedProcess(RunningLauncher launcher, Report report, Runnable abandoned, UnaryOperator<ExitStatus> judged) {
        this.launcher = launcher;
        this.report = report;
        Thread.ofVirtual().name("launch-end-" + launcher.pid()).start(() -> awaitEnd(abandoned, judged));
    }

    private void awaitEnd(Runnable abandoned, UnaryOperator<ExitStatus> judged) {
        try {
            Optional<ExitStatus> told = report.end().get();
            launcher.awaitEnd();
            if (told.isEmpty()) {
                abandoned.run();
            }
            ExitStatus how = told.orElseGet(() -> new ExitStatus.Signalled(9));
            ExitStatus outcome = judged.apply(how);
            status.complete(
                    ended.get() && !(outcome instanceof ExitStatus.OutOfMemory) ? new ExitStatus.Cancelled() : outcome);
        } catch (InterruptedException | ExecutionException | RuntimeException e) {
            status.completeExceptionally(e);
        }
    }

    /** Runs something once the process and all it started are gone; at once if they are already. */
    public void whenGone(Runnable action) {
        status.whenComplete((ended, failure) -> action.run());
    }

    /** The launcher's pid: it lives as long as anything that the command started. */
    @Override
    public long pid() {
        return launcher.pid();
    }

    @Override
    public OutputStream stdin() {
        return launcher.stdin();
    }

    @Override
    public InputStream stdout() {
        return launcher.stdout();
    }

    @Override
    public InputStream stderr() {
        return launcher.stderr();
    }

    @Override
    public boolean isAlive() {
        return !status.isDone();
    }

    @Override
    public OptionalLong memory() {
        return launcher.memory();
    }

    @Override
    public void terminate(Duration grace) {
        if (status.isDone()) {
            return;
        }
        ended.set(true);
        if (!grace.isZero()) {
            report.order('T');
            if (endsWithin(grace)) {
                return;
            }
        }
        report.order('K');
        if (endsWithin(LAUNCHER_TIME)) {
            return;
        }
        log.warn("the launcher {} did not end in time and is killed", launcher.pid());
        launcher.killAll();
        endsWithin(LAUNCHER_TIME);
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
            report.order('K');
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
