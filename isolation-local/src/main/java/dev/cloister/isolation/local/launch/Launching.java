package dev.cloister.isolation.local.launch;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** The beginning of a launch: a launcher was started, and is waited for until it says that every layer stands. */
public final class Launching {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration LOOK = Duration.ofMillis(500);
    private static final int MAX_COMPLAINT = 1024;

    private Launching() {}

    /**
     * Returns when every layer stands and the command was handed over to. Takes over the launcher.
     *
     * @param abandoned see {@link LaunchedProcess}
     * @param judged see {@link LaunchedProcess}
     * @throws IsolationException if a layer could not be applied; then nothing of the command ran
     */
    public static LaunchedProcess seen(
            RunningLauncher launcher, Report report, Runnable abandoned, UnaryOperator<ExitStatus> judged)
            throws IOException {
        return switch (beginning(report, launcher)) {
            case Report.Beginning.Started() -> new LaunchedProcess(launcher, report, abandoned, judged);
            case Report.Beginning.Failed(LaunchFailure why) -> {
                launcher.discard();
                throw new IsolationException(why.finding());
            }
            case Report.Beginning.Silent() -> throw silent(launcher);
        };
    }

    private static Report.Beginning beginning(Report report, RunningLauncher launcher) {
        try {
            for (long waited = 0; waited < PATIENCE.toMillis(); waited += LOOK.toMillis()) {
                // A launcher that has ended has said what it had to say; only the reading may still be under way.
                boolean gone = !launcher.isAlive();
                try {
                    return report.beginning().get(LOOK.toMillis(), TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    if (gone) {
                        break;
                    }
                }
            }
            return new Report.Beginning.Silent();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            launcher.kill();
            Thread.currentThread().interrupt();
            return new Report.Beginning.Silent();
        }
    }

    private static IsolationException silent(RunningLauncher launcher) throws IOException {
        InputStream stderr = launcher.stderr();
        byte[] written = stderr.readNBytes(Math.min(stderr.available(), MAX_COMPLAINT));
        String complaint = new String(written, StandardCharsets.UTF_8).strip();
        launcher.discard();
        return new IsolationException(new Finding(
                "the launcher did not start a process and did not say why",
                complaint.isEmpty() ? "it was killed, or did not answer in time" : complaint,
                "Try again; if it happens again, look into the host's log for what ends processes."));
    }
}
