package dev.cloister.core.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.testing.Eventually;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SessionLocksTest {
    private final SessionLocks locks = new SessionLocks();
    private final SessionId session = SessionId.random();

    private void assertConflict() {
        assertThatThrownBy(() -> locks.acquire(session))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT))
                .hasMessageContaining(session.toString());
    }

    @Test
    void aSecondTurnIsRefusedAtOnceWhileTheFirstWorks() {
        try (SessionLocks.Held held = locks.acquire(session)) {
            assertConflict();
            assertThat(held).isNotNull();
        }
        locks.acquire(session).close();
    }

    @Test
    void otherSessionsAreFree() {
        SessionLocks.Held held = locks.acquire(session);
        locks.acquire(SessionId.random()).close();
        assertConflict();
        held.close();
    }

    @Test
    void aSecondTurnWaitsForOneThatOnlyCleansUp() throws Exception {
        SessionLocks.Held first = locks.acquire(session);
        first.finishing();
        FutureTask<SessionLocks.Held> second = new FutureTask<>(() -> locks.acquire(session));
        Thread waiting = Thread.ofPlatform().daemon(true).start(second);
        Eventually.holds("it waits", () -> waiting.getState() == Thread.State.TIMED_WAITING);
        assertThat(second.isDone()).isFalse();
        first.close();
        SessionLocks.Held held = second.get(30, TimeUnit.SECONDS);
        assertConflict();
        held.close();
    }

    @Test
    void ofManyThatWaitOneGetsItAndTheOthersAreRefused() throws Exception {
        SessionLocks.Held first = locks.acquire(session);
        first.finishing();
        CountDownLatch over = new CountDownLatch(1);
        AtomicInteger got = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        List<Thread> waiting = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            waiting.add(Thread.ofPlatform().daemon(true).start(() -> {
                try (SessionLocks.Held held = locks.acquire(session)) {
                    got.incrementAndGet();
                    over.await();
                    assertThat(held).isNotNull();
                } catch (CloisterException e) {
                    refused.incrementAndGet();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }));
        }
        Eventually.holds(
                "all wait", () -> waiting.stream().allMatch(thread -> thread.getState() == Thread.State.TIMED_WAITING));
        first.close();
        Eventually.holds("all but one are refused", () -> refused.get() == 7);
        over.countDown();
        for (Thread thread : waiting) {
            thread.join();
        }
        assertThat(got).hasValue(1);
    }

    @Test
    void aReleasedLockHasNoPowerOverTheNext() {
        SessionLocks.Held first = locks.acquire(session);
        first.close();
        SessionLocks.Held second = locks.acquire(session);
        first.close();
        assertConflict();
        first.finishing();
        assertConflict();
        second.close();
    }

    @Test
    void whoIsInterruptedWhileWaitingIsToldSoAndStaysInterrupted() throws Exception {
        SessionLocks.Held first = locks.acquire(session);
        first.finishing();
        CompletableFuture<Boolean> outcome = new CompletableFuture<>();
        Thread waiting = Thread.ofPlatform().daemon(true).start(() -> {
            try {
                locks.acquire(session).close();
                outcome.complete(false);
            } catch (CloisterException e) {
                outcome.complete(e.code() == ErrorCode.CLIENT_GONE
                        && Thread.currentThread().isInterrupted());
            }
        });
        Eventually.holds("it waits", () -> waiting.getState() == Thread.State.TIMED_WAITING);
        waiting.interrupt();
        assertThat(outcome.get(30, TimeUnit.SECONDS)).isTrue();
        first.close();
    }
}
