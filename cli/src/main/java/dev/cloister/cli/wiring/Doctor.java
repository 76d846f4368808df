package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Tries every mode of this build on this host, in a temporary directory and without a server's state. */
public final class Doctor {
    /** One mode and what came of trying it. */
    public record Examined(IsolationMode mode, Availability availability) {}

    /** What was found. */
    public record Report(Host host, List<Examined> modes) {
        public Report {
            modes = List.copyOf(modes);
        }
    }

    private Doctor() {}

    /** @param progress gets a line for each mode before it is tried */
    public static Report examine(CloisterConfig config, Consumer<String> progress) {
        try (TrialHost trial = TrialHost.make(config, "doctor")) {
            IsolationConfig isolation = trial.isolation("workspaces");
            List<Examined> examined = new ArrayList<>();
            for (IsolationProvider provider : trial.providers()) {
                progress.accept("trying " + provider.mode().id() + " mode");
                examined.add(new Examined(provider.mode(), provider.probe(isolation, trial.host())));
            }
            return new Report(trial.host(), examined);
        }
    }
}
