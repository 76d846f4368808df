package dev.cloister.core.sandbox;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Programs that the server runs on a tenant's files, as the tenant and in its sandbox. The tenant can do with them what it likes:
 * what they say is its word. Thread-safe.
 */
final class Programs {
    private final Sandboxes sandboxes;
    private final Quota quota;
    private final ScheduledExecutorService timer;
    private final Duration timeout;

    /**
     * @param quota how many run at once
     * @param timeout after which one is killed
     */
    Programs(Sandboxes sandboxes, Quota quota, ScheduledExecutorService timer, Duration timeout) {
        this.sandboxes = sandboxes;
        this.quota = quota;
        this.timer = timer;
        this.timeout = timeout;
    }

    /** One that was started. Closing it kills it, and is what lets its sandbox go. */
    record Running(SandboxProcess process, Sandboxes.Use use, Quota.Permit permit, ScheduledFuture<?> end)
            implements AutoCloseable {
        @Override
        public void close() {
            end.cancel(false);
            process.terminate(Duration.ZERO);
            use.close();
            permit.close();
        }
    }

    /** @param path its working directory, from the workspace */
    Running start(Tenant tenant, List<String> path, List<String> command) {
        Quota.Permit permit = quota.take(tenant.id());
        try {
            Sandboxes.Use use = sandboxes.use(tenant);
            try {
                String work = use.sandbox().paths().work();
                String cwd = path.isEmpty() ? work : work + "/" + String.join("/", path);
                SandboxProcess process = use.sandbox().launch(new ProcessSpec(command, Map.of(), cwd));
                // On a thread of its own: to kill takes a moment, and there is one timer.
                Runnable kill = () -> Thread.ofVirtual().start(() -> process.terminate(Duration.ZERO));
                ScheduledFuture<?> end = timer.schedule(kill, timeout.toMillis(), TimeUnit.MILLISECONDS);
                return new Running(process, use, permit, end);
            } catch (RuntimeException e) {
                use.close();
                throw e;
            }
        } catch (IsolationException e) {
            permit.close();
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED, command.getFirst() + " was not started: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            permit.close();
            throw e;
        }
    }

    /** Takes what a program says, and forgets it. */
    static void drain(InputStream in) {
        Thread.ofPlatform().daemon(true).name("program-drain").start(() -> {
            try (in) {
                in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                // It was killed; there is nothing more to drain.
                return;
            }
        });
    }
}
