package dev.cloister.core.testing;

import dev.cloister.core.broker.Broker;
import dev.cloister.core.broker.BrokerChannel;
import dev.cloister.core.broker.BrokerSession;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.usage.UsageTotals;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A broker without sockets, which says of every session what the test wants. */
public final class FakeBroker implements Broker {
    private final List<BrokerTurn> turns = new CopyOnWriteArrayList<>();
    private final AtomicInteger serving = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private volatile @Nullable CloisterException lastFailure;

    /** Every channel says from now on that its last call failed so. */
    public void failed(CloisterException failure) {
        lastFailure = failure;
    }

    public List<BrokerTurn> turns() {
        return List.copyOf(turns);
    }

    /** How many channels pass calls on now. */
    public int serving() {
        return serving.get();
    }

    public int open() {
        return open.get();
    }

    @Override
    public BrokerChannel open(Path socket, BrokerSession session) {
        open.incrementAndGet();
        return new BrokerChannel() {
            @Override
            public void serve(BrokerTurn turn) {
                turns.add(turn);
                serving.incrementAndGet();
            }

            @Override
            public void rest() {
                serving.decrementAndGet();
            }

            @Override
            public UsageTotals used() {
                return new UsageTotals("m-1", 1, 10, 20, 0, 0, 30);
            }

            @Override
            public Optional<CloisterException> lastFailure() {
                return Optional.ofNullable(lastFailure);
            }

            @Override
            public void close() {
                open.decrementAndGet();
            }
        };
    }

    @Override
    public void close() {}
}
