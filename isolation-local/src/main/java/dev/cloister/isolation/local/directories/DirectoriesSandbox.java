package dev.cloister.isolation.local.directories;

import dev.cloister.isolation.local.launch.AtOnce;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.SupervisedProcess;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxPaths;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import dev.cloister.spi.SharedDirectory;
import dev.cloister.spi.Usage;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** One tenant's sandbox: no more than its uid and its tree, so that preparing it costs nothing. */
final class DirectoriesSandbox implements Sandbox {
    private final Launcher launcher;
    private final SandboxSpec spec;
    private final Consumer<DirectoriesSandbox> whenClosed;
    private final Set<SupervisedProcess> running = new HashSet<>();
    private boolean closed;

    DirectoriesSandbox(Launcher launcher, SandboxSpec spec, Consumer<DirectoriesSandbox> whenClosed) {
        this.launcher = launcher;
        this.spec = spec;
        this.whenClosed = whenClosed;
    }

    @Override
    public SandboxRef ref() {
        return new SandboxRef(IsolationMode.DIRECTORIES, spec.name(), spec.uid());
    }

    @Override
    public SandboxPaths paths() {
        return new SandboxPaths(spec.work().toString(), spec.home().toString());
    }

    @Override
    public SharedDirectory share() {
        return launcher.share(spec);
    }

    @Override
    public SandboxProcess launch(ProcessSpec process) {
        synchronized (this) {
            if (closed) {
                throw new IsolationException(new Finding(
                        "the sandbox is closed", "the server is stopping", "Send the request again later."));
            }
        }
        SupervisedProcess launched = launcher.launch(spec, process, this::runningPids);
        boolean tooLate;
        synchronized (this) {
            tooLate = closed;
            running.add(launched);
        }
        launched.whenGone(() -> ended(launched));
        if (tooLate) {
            launched.terminate(Duration.ZERO);
        }
        return launched;
    }

    @Override
    public Optional<Usage> usage() {
        return Optional.empty();
    }

    private synchronized Set<Long> runningPids() {
        return running.stream()
                .map(SupervisedProcess::pid)
                .filter(pid -> ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false))
                .collect(Collectors.toSet());
    }

    private synchronized void ended(SupervisedProcess process) {
        running.remove(process);
    }

    @Override
    public void close() {
        List<SupervisedProcess> left;
        synchronized (this) {
            closed = true;
            left = List.copyOf(running);
        }
        AtOnce.forEach(left, process -> process.terminate(Duration.ZERO));
        launcher.sweepUid(spec.uid(), Set.of());
        whenClosed.accept(this);
    }
}
