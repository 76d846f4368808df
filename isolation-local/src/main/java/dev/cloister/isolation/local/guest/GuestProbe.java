package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.mode.PromisesOfAll;
import dev.cloister.isolation.local.probe.ModeProbe;
import dev.cloister.isolation.local.sandbox.MortalServer;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/** Tries a mode of guests on a host, and judges what was seen. */
public final class GuestProbe {
    private static final Set<Guarantee> PROMISES = PromisesOfAll.without();

    /** Without these a guest is none. */
    private static final Set<Guarantee> ESSENTIALS =
            EnumSet.of(Guarantee.FILES_OF_OTHERS_UNREADABLE, Guarantee.PROCESSES_END_WITH_TURN);

    private GuestProbe() {}

    /**
     * How the mode tells it; why is what was seen.
     *
     * @param nothing what is wrong if the mode does not confine at all
     * @param less what is wrong if not all that it promises holds
     */
    public record Words(String nothing, String nothingsRemedy, String less, String lessRemedy) {}

    /** @param mode opens the mode on a run root; the probe closes it */
    public static Availability run(Host host, Words words, Function<Path, GuestBackend> mode) {
        try {
            AtomicBoolean bounded = new AtomicBoolean(true);
            Set<Guarantee> held = ModeProbe.run(host, run -> new Watched(mode.apply(run), bounded));
            if (bounded.get()) {
                held.add(Guarantee.RESOURCES_BOUNDED);
            }
            return judged(held, words);
        } catch (IsolationException e) {
            return new Availability.Unavailable(e.finding());
        }
    }

    private static Availability judged(Set<Guarantee> held, Words words) {
        if (!held.containsAll(ESSENTIALS)) {
            return new Availability.Unavailable(
                    new Finding(words.nothing(), "the probe saw only " + held, words.nothingsRemedy()));
        }
        Set<Guarantee> missing = EnumSet.copyOf(PROMISES);
        missing.removeAll(held);
        held.retainAll(PROMISES);
        return missing.isEmpty()
                ? new Availability.Available(held)
                : new Availability.Degraded(
                        held, List.of(new Finding(words.less(), "the probe broke " + missing, words.lessRemedy())));
    }

    /**
     * A backend that is looked at while it is tried.
     *
     * @param bounded false from the first guest that is not bounded as was asked
     */
    private record Watched(GuestBackend backend, AtomicBoolean bounded)
            implements IsolationBackend, MortalServer, Opaque {
        @Override
        public boolean keepsFiles() {
            return backend.keepsFiles();
        }

        @Override
        public Sandbox prepare(SandboxSpec spec) {
            Sandbox sandbox = backend.prepare(spec);
            bounded.compareAndSet(true, backend.bounds(sandbox));
            return sandbox;
        }

        @Override
        public Optional<Sandbox> recover(SandboxRef ref) {
            return backend.recover(ref);
        }

        @Override
        public List<String> commands() {
            return backend.commands();
        }

        @Override
        public void die() {
            backend.die();
        }

        @Override
        public void close() {
            backend.close();
        }
    }
}
