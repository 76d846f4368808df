package dev.cloister.cli.bench;

import dev.cloister.spi.ProcessSpec;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The three ways to use the agent's program by hand. Closing it ends what was kept. */
final class RawWays implements AutoCloseable {
    /** Each start is of a new session. */
    interface Plans {
        ProcessSpec next() throws IOException;
    }

    private final TurnPlace place;
    private final Plans plans;
    private @Nullable RawCli kept;

    RawWays(TurnPlace place, Plans plans) {
        this.place = place;
        this.plans = plans;
    }

    List<TurnWay> all() {
        return List.of(new Cold(), new Started(), new Warm());
    }

    /** From before its start. */
    private final class Cold implements TurnWay {
        private @Nullable RawCli agent;

        @Override
        public String name() {
            return TurnBench.RAW_COLD;
        }

        @Override
        public TurnTime turn(String message) throws IOException {
            ProcessSpec plan = plans.next();
            long began = System.nanoTime();
            agent = RawCli.start(place, plan);
            return agent.turn(message, began);
        }

        @Override
        public void done() {
            if (agent != null) {
                agent.close();
            }
        }
    }

    /** The first message to one that waits for it. */
    private final class Started implements TurnWay {
        private @Nullable RawCli agent;

        @Override
        public String name() {
            return TurnBench.RAW_STARTED;
        }

        @Override
        public void prepare() throws IOException {
            agent = RawCli.start(place, plans.next());
        }

        @Override
        public TurnTime turn(String message) throws IOException {
            if (agent == null) {
                throw new IllegalStateException("not prepared");
            }
            return agent.turn(message, System.nanoTime());
        }

        @Override
        public void done() {
            if (agent != null) {
                agent.close();
            }
        }
    }

    /** A later message to the same. */
    private final class Warm implements TurnWay {
        @Override
        public String name() {
            return TurnBench.RAW_WARM;
        }

        @Override
        public void prepare() throws IOException {
            if (kept == null) {
                RawCli started = RawCli.start(place, plans.next());
                kept = started;
                started.turn("first", System.nanoTime());
            }
        }

        @Override
        public TurnTime turn(String message) throws IOException {
            if (kept == null) {
                throw new IllegalStateException("not prepared");
            }
            return kept.turn(message, System.nanoTime());
        }
    }

    @Override
    public void close() {
        if (kept != null) {
            kept.close();
        }
    }
}
