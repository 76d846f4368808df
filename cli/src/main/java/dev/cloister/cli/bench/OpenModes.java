package dev.cloister.cli.bench;

import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.isolation.local.sandbox.Measurable;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Every mode that this host has, open at the same time, each with one tenant's sandbox. Closing it closes them all. */
final class OpenModes implements AutoCloseable {
    private record Mode(IsolationProvider provider, IsolationBackend backend, SandboxSpec spec, Sandbox sandbox) {}

    private final Map<String, Mode> modes = new LinkedHashMap<>();
    private final Map<String, String> missing = new LinkedHashMap<>();

    /** @param progress gets a line for each mode before it is opened */
    OpenModes(TrialHost trial, Consumer<String> progress) throws IOException {
        for (IsolationProvider provider : trial.providers()) {
            String name = provider.mode().id();
            progress.accept("opening " + name + " mode");
            try {
                open(name, provider, trial);
            } catch (IsolationException e) {
                missing.put(name, e.getMessage());
            } catch (IOException | RuntimeException e) {
                close();
                throw e;
            }
        }
    }

    private void open(String name, IsolationProvider provider, TrialHost trial) throws IOException {
        IsolationConfig isolation = trial.isolation(name);
        IsolationBackend backend = provider.open(isolation, trial.host());
        try {
            SandboxSpec spec = trial.tenant(isolation, 0);
            modes.put(name, new Mode(provider, backend, spec, backend.prepare(spec)));
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /** The modes by name; what stands in the way of the others. */
    Map<String, String> missing() {
        return Map.copyOf(missing);
    }

    List<String> names() {
        return List.copyOf(modes.keySet());
    }

    /** How the mode's own launcher is started; empty for a mode that has none. */
    Optional<List<String>> commandLine(String name) {
        Sandbox sandbox = mode(name).sandbox();
        return sandbox instanceof Measurable measurable
                ? Optional.of(measurable.commandLine(truth(sandbox)))
                : Optional.empty();
    }

    /** Milliseconds of one launch, from the call until the JVM has reaped it. */
    double time(String name) throws IOException, InterruptedException {
        return run(mode(name).sandbox());
    }

    /** The same in any sandbox. */
    static double run(Sandbox sandbox) throws IOException, InterruptedException {
        long began = System.nanoTime();
        SandboxProcess process = sandbox.launch(truth(sandbox));
        process.await();
        double took = (System.nanoTime() - began) / 1e6;
        // Not the launch's cost, and it would add up.
        process.stdin().close();
        process.stdout().close();
        process.stderr().close();
        return took;
    }

    IsolationProvider provider(String name) {
        return mode(name).provider();
    }

    /** Where the work of the mode's tenant is on the host. */
    Path work(String name) {
        return mode(name).spec().work();
    }

    private Mode mode(String name) {
        Mode mode = modes.get(name);
        if (mode == null) {
            throw new IllegalArgumentException("no such mode is open: " + name);
        }
        return mode;
    }

    private static ProcessSpec truth(Sandbox sandbox) {
        return new ProcessSpec(List.of("/bin/true"), Map.of(), sandbox.paths().work());
    }

    @Override
    public void close() {
        modes.values().forEach(mode -> mode.backend().close());
    }
}
