package dev.cloister.core.exec;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.Workspaces;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;

/** Runs commands in tenants' sandboxes. */
public final class ExecService implements Execs {
    /** SIGSYS: see seccomp(2), SECCOMP_RET_KILL_PROCESS. */
    private static final ExitStatus KILLED_BY_FILTER = new ExitStatus.Signalled(31);

    private final Sandboxes sandboxes;
    private final Workspaces workspaces;
    private final Quota quota;
    private final Audit audit;
    private final Violations violations;
    private final Metrics metrics;
    private final ScheduledExecutorService timer;
    private final int maxPath;

    public ExecService(
            Sandboxes sandboxes,
            Workspaces workspaces,
            Quota quota,
            Audit audit,
            Violations violations,
            Metrics metrics,
            ScheduledExecutorService timer,
            int maxPath) {
        this.sandboxes = sandboxes;
        this.workspaces = workspaces;
        this.quota = quota;
        this.audit = audit;
        this.violations = violations;
        this.metrics = metrics;
        this.timer = timer;
        this.maxPath = maxPath;
    }

    @Override
    public Exec start(ExecRequest request) {
        requireDirectory(request);
        Quota.Permit permit = quota.take(request.tenant().id());
        try {
            Sandboxes.Use use = sandboxes.use(request.tenant());
            try {
                String work = use.sandbox().paths().work();
                String cwd = request.cwd().isEmpty() ? work : work + "/" + request.cwd();
                SandboxProcess process = use.sandbox().launch(new ProcessSpec(request.command(), request.env(), cwd));
                metrics.activeExecs().incrementAndGet();
                return new RunningExec(process, request, timer, result -> {
                    metrics.activeExecs().decrementAndGet();
                    metrics.exec(RunningExec.name(result.status()), result.duration());
                    use.close();
                    permit.close();
                    audit.record(
                            request.tenant().id().value(),
                            "exec",
                            Map.of(
                                    "request_id", request.requestId(),
                                    "status", RunningExec.name(result.status()),
                                    "duration_ms", result.duration().toMillis()));
                    if (result.status().equals(KILLED_BY_FILTER)) {
                        violations.observed(
                                request.tenant().id(),
                                Guarantee.PRIVILEGES_NOT_GAINABLE,
                                "a command was killed by the filter of system calls",
                                Map.of("request_id", request.requestId()));
                    }
                });
            } catch (RuntimeException e) {
                use.close();
                throw e;
            }
        } catch (IsolationException e) {
            permit.close();
            throw new CloisterException(
                    ErrorCode.ISOLATION_FAILED, "the command was not started: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            permit.close();
            throw e;
        }
    }

    private void requireDirectory(ExecRequest request) {
        List<String> path = WorkspaceFiles.components(request.cwd(), maxPath);
        if (path.isEmpty()) {
            return;
        }
        try {
            if (workspaces.files(request.tenant()).target(path).kind() != WorkspaceFiles.Kind.DIRECTORY) {
                throw CloisterException.invalid("cwd must be a directory of the workspace");
            }
        } catch (IOException e) {
            throw new CloisterException(ErrorCode.INTERNAL, "the working directory could not be looked up", e);
        }
    }
}
