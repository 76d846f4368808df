package dev.cloister.cli.bench;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Tenants who come to a mode, run one command, stay without any process, leave, and come again. Times what they do, and looks
 * meanwhile at the memory that is taken because of them: by processes, whoever started them, that came with the tenants and went with
 * them, and by the kernel. What programs that were there before take more, such as an engine and this JVM, is not in it.
 */
final class IdleTenants {
    /** Who was asked to end has ended by then, and who was started has come to rest. */
    private static final Duration SETTLE = Duration.ofSeconds(1);

    private final TrialHost trial;
    private final int tenants;
    private final Samples times;
    private final Samples memory = new Samples();

    /**
     * @param tenants how many there are at the same time
     * @param times gets what they waited
     */
    IdleTenants(TrialHost trial, int tenants, Samples times) {
        this.trial = trial;
        this.tenants = tenants;
        this.times = times;
    }

    /** @param number no round of this mode had it before */
    void round(IsolationProvider provider, int number) throws IOException, InterruptedException {
        String mode = provider.mode().id();
        IsolationConfig isolation = trial.isolation(mode + number);
        List<SandboxSpec> specs = new ArrayList<>();
        for (int i = 0; i < tenants; i++) {
            specs.add(trial.tenant(isolation, i));
        }
        HostMemory before = HostMemory.now();
        HostMemory.Since open;
        HostMemory.Since closed;
        long began = System.nanoTime();
        try (IsolationBackend backend = provider.open(isolation, trial.host())) {
            times.add(ModeTime.OPENING.of(mode), millisSince(began));
            List<Sandbox> sandboxes = use(backend, specs, ModeTime.FIRST_USE.of(mode));
            Pause.of(SETTLE);
            open = before.since();
            sandboxes.forEach(Sandbox::close);
            Pause.of(SETTLE);
            closed = before.since();
            use(backend, specs, ModeTime.NEXT_USE.of(mode)).forEach(Sandbox::close);
        }
        Pause.of(SETTLE);
        HostMemory after = HostMemory.now();
        memory.add(ModeFigure.IDLE.of(mode), open.mib(after) / tenants);
        memory.add(ModeFigure.REST.of(mode), closed.mib(after) / tenants);
        memory.add(ModeFigure.IDLE_KERNEL.of(mode), open.kernelMib() / tenants);
    }

    private List<Sandbox> use(IsolationBackend backend, List<SandboxSpec> specs, String name)
            throws IOException, InterruptedException {
        List<Sandbox> sandboxes = new ArrayList<>();
        for (SandboxSpec spec : specs) {
            long began = System.nanoTime();
            Sandbox sandbox = backend.prepare(spec);
            OpenModes.run(sandbox);
            times.add(name, millisSince(began));
            sandboxes.add(sandbox);
        }
        return sandboxes;
    }

    private static double millisSince(long began) {
        return (System.nanoTime() - began) / 1e6;
    }

    /** Of all rounds, the medians. */
    List<Figure> figures() {
        return memory.measured().stream()
                .map(one -> new Figure(one.name(), one.p50(), "MiB"))
                .toList();
    }
}
