package dev.cloister.isolation.tck;

import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A tenant in a sandbox of any mode. The sandbox stays its owner's.
 *
 * @param hidden looks, from outside, at the command lines of what the host's table of processes does not show
 */
public record SandboxTenant(SandboxSpec spec, Sandbox sandbox, Supplier<List<String>> hidden) implements Tenant {
    /** One whose processes the host shows. */
    public SandboxTenant(SandboxSpec spec, Sandbox sandbox) {
        this(spec, sandbox, List::of);
    }

    @Override
    public List<String> commands() {
        return hidden.get();
    }

    @Override
    public Path work() {
        return spec.work();
    }

    @Override
    public Path home() {
        return spec.home();
    }

    private record Started(SandboxProcess process, Output complaints) {}

    private Started launch(List<String> command, Map<String, String> environment) throws IOException {
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(command, environment, sandbox.paths().work()));
        process.stdin().close();
        // What attacks complain of is of no interest, and must not fill a pipe.
        return new Started(process, new Output(process.stderr(), sandbox.slowness()));
    }

    @Override
    public String run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        SandboxProcess process = launch(command, environment).process();
        String said = new Output(process.stdout(), sandbox.slowness()).awaitEnd();
        process.terminate(Duration.ZERO);
        return said;
    }

    @Override
    public AutoCloseable start(List<String> command, Map<String, String> environment, String ready)
            throws IOException, InterruptedException {
        Started started = launch(command, environment);
        SandboxProcess process = started.process();
        Output output = new Output(process.stdout(), sandbox.slowness());
        if (!output.awaitWord(ready)) {
            process.terminate(Duration.ZERO);
            throw new IOException("the victim did not start: " + output.text()
                    + started.complaints().awaitEnd());
        }
        return () -> process.terminate(Duration.ZERO);
    }
}
