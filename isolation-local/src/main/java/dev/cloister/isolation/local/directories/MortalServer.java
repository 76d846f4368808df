package dev.cloister.isolation.local.directories;

import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.SupervisedProcess;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Stands for a server that dies: it starts one process and then ends the thread which the kernel takes for its parent. */
record MortalServer(Launcher launcher, SandboxSpec sandbox) implements AutoCloseable {
    MortalServer(Path runRoot, boolean ownUids, SandboxSpec sandbox) {
        this(Launcher.open(runRoot, ownUids), sandbox);
    }

    boolean takesItsProcessesAlong() throws InterruptedException {
        SupervisedProcess process =
                launcher.launch(sandbox, new ProcessSpec(List.of("/bin/sleep", "60"), Map.of(), "/"), Set::of);
        try {
            Optional<ProcessHandle> child = Optional.empty();
            for (int attempt = 0; attempt < 500 && child.isEmpty(); attempt++) {
                child = ProcessHandle.of(process.pid())
                        .flatMap(supervisor -> supervisor.children().findFirst());
                Thread.sleep(5);
            }
            launcher.close();
            for (int attempt = 0; attempt < 500 && process.isAlive(); attempt++) {
                Thread.sleep(5);
            }
            return child.isPresent() && !process.isAlive() && !child.get().isAlive();
        } finally {
            process.terminate(Duration.ZERO);
        }
    }

    @Override
    public void close() {
        launcher.close();
    }
}
