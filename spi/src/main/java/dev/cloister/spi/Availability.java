package dev.cloister.spi;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** What probing a mode on this host came to. */
public sealed interface Availability {

    /** The guarantees that were seen to hold; empty when the mode cannot be used. */
    Set<Guarantee> holds();

    /** What stands in the way of more; empty when nothing does. */
    List<Finding> findings();

    /** Everything that the mode can promise anywhere, it promises here. */
    record Available(Set<Guarantee> holds) implements Availability {
        public Available {
            holds = ordered(holds);
        }

        @Override
        public List<Finding> findings() {
            return List.of();
        }
    }

    /** The mode works, with less than it promises elsewhere. */
    record Degraded(Set<Guarantee> holds, List<Finding> findings) implements Availability {
        public Degraded {
            holds = ordered(holds);
            findings = List.copyOf(findings);
        }
    }

    /** The mode does not work on this host. */
    record Unavailable(Finding why) implements Availability {
        @Override
        public Set<Guarantee> holds() {
            return Set.of();
        }

        @Override
        public List<Finding> findings() {
            return List.of(why);
        }
    }

    private static Set<Guarantee> ordered(Set<Guarantee> guarantees) {
        EnumSet<Guarantee> copy = EnumSet.noneOf(Guarantee.class);
        copy.addAll(guarantees);
        return Collections.unmodifiableSet(copy);
    }
}
