package dev.cloister.core.testing;

import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A real process of this machine, without walls, as the tenant where the test runs as root. */
public record HostProcess(Process process) implements SandboxProcess {
    public static HostProcess start(ProcessSpec spec) {
        try {
            List<String> command = new ArrayList<>();
            if (TestWorkspaces.serverUid() == 0) {
                long uid = TestWorkspaces.tenantUid();
                command.addAll(List.of("setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups", "--"));
            }
            command.addAll(spec.command());
            ProcessBuilder builder =
                    new ProcessBuilder(command).directory(Path.of(spec.cwd()).toFile());
            builder.environment().clear();
            builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin");
            builder.environment().putAll(spec.env());
            return new HostProcess(builder.start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public long pid() {
        return process.pid();
    }

    @Override
    public OutputStream stdin() {
        return process.getOutputStream();
    }

    @Override
    public InputStream stdout() {
        return process.getInputStream();
    }

    @Override
    public InputStream stderr() {
        return process.getErrorStream();
    }

    @Override
    public boolean isAlive() {
        return process.isAlive();
    }

    @Override
    public void terminate(Duration grace) {
        try {
            if (!grace.isZero()) {
                process.destroy();
            }
            if (!process.waitFor(grace.toMillis(), TimeUnit.MILLISECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                process.waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public ExitStatus await() throws InterruptedException {
        int status = process.waitFor();
        return status > 128 ? new ExitStatus.Signalled(status - 128) : new ExitStatus.Exited(status);
    }
}
