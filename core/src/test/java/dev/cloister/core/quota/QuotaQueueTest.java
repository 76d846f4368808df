package dev.cloister.core.quota;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.Eventually;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class QuotaQueueTest {
    private static final TenantId A = new TenantId("a".repeat(32));
    private static final TenantId B = new TenantId("b".repeat(32));
    private static final TenantId C = new TenantId("c".repeat(32));
    private static final Duration LONG = Duration.ofMinutes(10);

    private final Queue<String> granted = new ConcurrentLinkedQueue<>();

    private static Quota quota(int total, int perTenant, int waiting, int waitingPerTenant, Duration patience) {
        return new Quota("turns", total, perTenant, new Quota.Queue(waiting, waitingPerTenant, patience));
    }

    private Future<Quota.Permit> waits(Quota quota, TenantId tenant, String name) throws InterruptedException {
        FutureTask<Quota.Permit> task = new FutureTask<>(() -> {
            Quota.Permit permit = quota.take(tenant, () -> {});
            granted.add(name);
            return permit;
        });
        Thread thread = Thread.ofPlatform().daemon(true).start(task);
        Eventually.holds("it waits", () -> thread.getState() == Thread.State.TIMED_WAITING || task.isDone());
        return task;
    }

    private static void assertRefused(ErrorCode code, Runnable taking) {
        assertThatThrownBy(taking::run)
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void aHundredWaitingOfOneTenantDoNotDelayTheFirstOfAnother() throws Exception {
        Quota quota = quota(2, 2, 1000, 100, LONG);
        List<Quota.Permit> running = new ArrayList<>(List.of(quota.take(A), quota.take(A)));
        List<Future<Quota.Permit>> hundred = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            hundred.add(waits(quota, A, "a" + i));
        }
        Future<Quota.Permit> other = waits(quota, B, "b");
        running.removeFirst().close();
        // Its tenant came first, so one of the hundred is next, and then at once the other.
        running.add(hundred.getFirst().get());
        running.removeFirst().close();
        Quota.Permit others = other.get();
        assertThat(granted).containsExactly("a0", "b");

        others.close();
        running.removeFirst().close();
        for (Future<Quota.Permit> one : hundred.subList(1, 100)) {
            one.get().close();
        }
        quota.take(A).close();
    }

    @Test
    void thoseWhoMayNotHaveMoreDoNotStandInTheWay() throws Exception {
        Quota quota = quota(3, 2, 10, 10, LONG);
        Quota.Permit first = quota.take(A);
        quota.take(A);
        Future<Quota.Permit> third = waits(quota, A, "a");
        // One is free, and not for the tenant that waits.
        quota.take(B, () -> {});
        assertThat(third.isDone()).isFalse();
        first.close();
        third.get();
    }

    @Test
    void theQueueIsBounded() throws Exception {
        Quota quota = quota(1, 1, 3, 2, LONG);
        quota.take(A);
        waits(quota, A, "a1");
        waits(quota, A, "a2");
        assertRefused(ErrorCode.RATE_LIMITED, () -> quota.take(A, () -> {}));
        waits(quota, B, "b1");
        assertRefused(ErrorCode.OVERLOADED, () -> quota.take(C, () -> {}));
    }

    @Test
    void whoWaitsTooLongIsRefusedAndNothingIsLost() {
        Quota quota = quota(1, 1, 3, 2, Duration.ofMillis(5));
        Quota.Permit running = quota.take(A);
        assertRefused(ErrorCode.RATE_LIMITED, () -> quota.take(A, () -> {}));
        assertRefused(ErrorCode.OVERLOADED, () -> quota.take(B, () -> {}));
        running.close();
        quota.take(B).close();
        quota.take(A, () -> {}).close();
    }

    @Test
    void whoIsNoLongerWantedLeavesTheQueue() throws Exception {
        Quota quota = quota(1, 1, 1, 1, LONG);
        Quota.Permit running = quota.take(A);
        AtomicBoolean gone = new AtomicBoolean();
        FutureTask<Quota.Permit> task = new FutureTask<>(() -> quota.take(B, () -> {
            if (gone.get()) {
                throw new CloisterException(ErrorCode.CLIENT_GONE, "gone");
            }
        }));
        Thread.ofPlatform().daemon(true).start(task);
        gone.set(true);
        assertThatThrownBy(task::get).isInstanceOf(ExecutionException.class).hasMessageContaining("gone");
        running.close();
        quota.take(B).close();
    }

    @Test
    void theLimitsHoldWhateverComesAndGoes() throws Exception {
        Quota quota = quota(3, 2, 40, 10, Duration.ofMillis(20));
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger served = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            TenantId tenant = List.of(A, B, C).get(i % 3);
            threads.add(Thread.ofVirtual().start(() -> {
                for (int round = 0; round < 20; round++) {
                    try (Quota.Permit permit = quota.take(tenant, () -> {})) {
                        most.accumulateAndGet(running.incrementAndGet(), Math::max);
                        Thread.sleep(ThreadLocalRandom.current().nextInt(3));
                        running.decrementAndGet();
                        served.incrementAndGet();
                    } catch (CloisterException e) {
                        assertThat(e.retryAfter()).isPresent();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(most.get()).isEqualTo(3);
        assertThat(served.get()).isPositive();
        // All of it came back.
        List.of(quota.take(A), quota.take(A), quota.take(B)).forEach(Quota.Permit::close);
    }
}
