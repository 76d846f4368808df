package dev.cloister.server;

import dev.cloister.core.exec.Exec;
import dev.cloister.core.exec.ExecEvent;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.exec.ExecResult;
import dev.cloister.core.exec.Execs;
import dev.cloister.spi.ExitStatus;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Commands that print what the test says and end, or stay silent until they are cancelled. */
final class FakeExecs implements Execs {
    final Queue<ExecRequest> requests = new ConcurrentLinkedQueue<>();
    final AtomicInteger open = new AtomicInteger();
    volatile boolean silent;
    volatile List<ExecEvent> output = List.of();
    volatile ExitStatus status = new ExitStatus.Exited(0);

    @Override
    public Exec start(ExecRequest request) {
        requests.add(request);
        open.incrementAndGet();
        return new FakeExec();
    }

    private final class FakeExec implements Exec {
        private final Queue<ExecEvent> events = new ConcurrentLinkedQueue<>(output);
        private final CountDownLatch ended = new CountDownLatch(silent ? 1 : 0);
        private final AtomicInteger closes = new AtomicInteger();

        @Override
        public Optional<ExecEvent> poll(Duration timeout) throws InterruptedException {
            ExecEvent next = events.poll();
            if (next == null) {
                boolean _ = ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
            }
            return Optional.ofNullable(next);
        }

        @Override
        public Optional<ExecResult> result() {
            return ended.getCount() == 0 && events.isEmpty()
                    ? Optional.of(new ExecResult(status, Duration.ofMillis(7)))
                    : Optional.empty();
        }

        @Override
        public void cancel() {
            ended.countDown();
        }

        @Override
        public void close() {
            cancel();
            if (closes.getAndIncrement() == 0) {
                open.decrementAndGet();
            }
        }
    }
}
