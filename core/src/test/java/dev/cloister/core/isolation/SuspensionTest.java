package dev.cloister.core.isolation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.Eventually;
import dev.cloister.spi.Guarantee;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SuspensionTest {
    private static final TenantId A = new TenantId("a".repeat(32));
    private static final TenantId B = new TenantId("b".repeat(32));

    private final AtomicLong now = new AtomicLong();
    private final List<TenantId> suspended = new CopyOnWriteArrayList<>();
    private final List<String> audited = new ArrayList<>();
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

    private Violations violations(OptionalInt after) {
        return new Violations(
                (actor, action, detail) -> audited.add(actor + " " + action),
                new Metrics(meters),
                "namespaces",
                new Suspension(after, Duration.ofSeconds(10), suspended::add, now::get));
    }

    private void attempt(Violations violations, TenantId tenant, int seconds) {
        now.set(Duration.ofSeconds(seconds).toNanos());
        violations.observed(tenant, Guarantee.NETWORK_CLOSED, "an attempt", Map.of());
    }

    @Test
    void aBurstSuspendsWhoMadeItAndNobodyElse() throws Exception {
        Violations violations = violations(OptionalInt.of(3));
        attempt(violations, A, 1);
        attempt(violations, B, 2);
        attempt(violations, A, 3);
        attempt(violations, B, 4);
        assertThat(suspended).isEmpty();
        attempt(violations, A, 11);
        Eventually.holds("A is suspended", () -> suspended.equals(List.of(A)));
        assertThat(audited).hasSize(5);
        assertThat(meters.get("isolation_violations")
                        .tag("guarantee", "NETWORK_CLOSED")
                        .counter()
                        .count())
                .isEqualTo(5);
    }

    @Test
    void whatIsOlderThanTheWindowDoesNotCount() throws Exception {
        Violations violations = violations(OptionalInt.of(3));
        attempt(violations, A, 0);
        attempt(violations, A, 1);
        attempt(violations, A, 12);
        attempt(violations, A, 21);
        assertThat(suspended).isEmpty();
        attempt(violations, A, 22);
        Eventually.holds("A is suspended", () -> suspended.equals(List.of(A)));
    }

    @Test
    void withoutANumberNobodyIsSuspended() {
        Violations violations = violations(OptionalInt.empty());
        for (int i = 0; i < 1000; i++) {
            attempt(violations, A, 1);
        }
        assertThat(suspended).isEmpty();
    }
}
