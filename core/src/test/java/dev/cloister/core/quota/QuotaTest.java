package dev.cloister.core.quota;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class QuotaTest {
    private static final TenantId A = new TenantId("a".repeat(32));
    private static final TenantId B = new TenantId("b".repeat(32));
    private static final TenantId C = new TenantId("c".repeat(32));

    private final Quota quota = new Quota("turns", 3, 2, Quota.Queue.NONE);

    private void assertRefused(TenantId tenant, ErrorCode code) {
        assertThatThrownBy(() -> quota.take(tenant))
                .isInstanceOfSatisfying(CloisterException.class, e -> {
                    assertThat(e.code()).isEqualTo(code);
                    assertThat(e.retryAfter()).isPresent();
                })
                .hasMessageContaining("turns");
    }

    @Test
    void aTenantsOwnLimitIsItsOwnAffair() {
        quota.take(A);
        quota.take(A);
        assertRefused(A, ErrorCode.RATE_LIMITED);
        assertThat(quota.take(B)).isNotNull();
    }

    @Test
    void theServersLimitIsNobodysFault() {
        quota.take(A);
        quota.take(A);
        quota.take(B);
        assertRefused(C, ErrorCode.OVERLOADED);
        // The nearer reason is said first.
        assertRefused(A, ErrorCode.RATE_LIMITED);
    }

    @Test
    void aReturnedPermitCanBeTakenAgainAndIsReturnedOnce() {
        Quota.Permit first = quota.take(A);
        quota.take(A);
        first.close();
        first.close();
        quota.take(A);
        assertRefused(A, ErrorCode.RATE_LIMITED);
        quota.take(B);
        assertRefused(B, ErrorCode.OVERLOADED);
    }

    @Test
    void aRefusalTakesNothing() {
        List<Quota.Permit> held = new ArrayList<>(List.of(quota.take(A), quota.take(A)));
        for (int i = 0; i < 10; i++) {
            assertRefused(A, ErrorCode.RATE_LIMITED);
        }
        held.forEach(Quota.Permit::close);
        held = List.of(quota.take(A), quota.take(A), quota.take(B));
        assertThat(held).hasSize(3);
    }

    @Test
    void theLimitHoldsWhenAllComeAtOnce() throws InterruptedException {
        Queue<Quota.Permit> granted = new ConcurrentLinkedQueue<>();
        Queue<CloisterException> refused = new ConcurrentLinkedQueue<>();
        CountDownLatch start = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            TenantId tenant = new TenantId(String.format("%032x", i));
            threads.add(Thread.ofVirtual().start(() -> {
                try {
                    start.await();
                    granted.add(quota.take(tenant));
                } catch (CloisterException e) {
                    refused.add(e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }));
        }
        start.countDown();
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(granted).hasSize(3);
        assertThat(refused).hasSize(37);
    }
}
