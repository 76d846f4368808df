package dev.cloister.isolation.local.mode;

import dev.cloister.isolation.tck.contract.SandboxContract;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Nested;

/** The modes of this machine keep the contract of all modes. */
class LocalContractTest {
    private static final Set<Guarantee> PROMISES = EnumSet.of(
            Guarantee.FILES_OF_OTHERS_UNREADABLE,
            Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE,
            Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE,
            Guarantee.SERVER_STATE_UNREADABLE,
            Guarantee.PRIVILEGES_NOT_GAINABLE,
            Guarantee.PROCESSES_END_WITH_TURN,
            Guarantee.PROCESSES_END_WITH_SERVER,
            Guarantee.NETWORK_CLOSED);

    abstract static class OfMode extends SandboxContract {
        private final IsolationMode mode;

        OfMode(IsolationMode mode) {
            this.mode = mode;
        }

        @Override
        protected IsolationProvider provider() {
            return Stage.provider(mode);
        }

        @Override
        protected Set<Guarantee> promises() {
            return PROMISES;
        }
    }

    @Nested
    class Directories extends OfMode {
        Directories() {
            super(IsolationMode.DIRECTORIES);
        }
    }

    @Nested
    class Namespaces extends OfMode {
        Namespaces() {
            super(IsolationMode.NAMESPACES);
        }
    }

    @Nested
    class Chroot extends OfMode {
        Chroot() {
            super(IsolationMode.CHROOT);
        }
    }
}
