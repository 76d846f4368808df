package dev.cloister.store;

import static dev.cloister.store.StoreFixture.assertCode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What is only ever added to: usage and audit. And the end of a store. */
interface LedgerContract extends StoreFixture {
    @Test
    default void usageIsSummedByModelOverAHalfOpenTime() {
        TenantId tenant = tenant(1).id();
        store().addUsage(used(tenant, "b", 1, 100));
        store().addUsage(used(tenant, "b", 10, 199));
        store().addUsage(used(tenant, "a", 100, 150));
        store().addUsage(used(tenant, "b", 1_000, 99));
        store().addUsage(used(tenant, "b", 1_000, 200));
        store().addUsage(used(tenant(2).id(), "b", 1_000, 150));

        assertThat(store().usage(tenant, 100, 200))
                .containsExactly(
                        new UsageTotals("a", 1, 100, 200, 300, 400, 500), new UsageTotals("b", 2, 11, 22, 33, 44, 55));
        assertThat(store().usage(tenant, 300, 400)).isEmpty();
    }

    @Test
    default void whatSandboxesUsedAddsUpAndItsPeakStays() {
        TenantId tenant = tenant(1).id();
        assertThat(store().sandboxUsage(tenant)).isEqualTo(SandboxUsage.NONE);

        store().addSandboxUsage(tenant, sandbox(1, 700));
        store().addSandboxUsage(tenant, sandbox(10, 500));
        store().addSandboxUsage(tenant(2).id(), sandbox(1_000, 9_000));

        assertThat(store().sandboxUsage(tenant)).isEqualTo(sandbox(11, 700));
        store().deleteTenant(tenant);
        assertThat(openAnother().sandboxUsage(tenant)).isEqualTo(sandbox(11, 700));
    }

    private static SandboxUsage sandbox(long unit, long peak) {
        return new SandboxUsage(Duration.ofMillis(unit), Duration.ofMillis(2 * unit), peak, 3 * unit, 4 * unit);
    }

    @Test
    default void auditEntriesComeBackAsTheyWereAppended() {
        assertThat(store().lastAudit()).isEmpty();

        AuditEntry first = entry(1);
        AuditEntry second = entry(2);
        store().appendAudit(last -> {
            assertThat(last).isEmpty();
            return List.of(first);
        });
        List<AuditEntry> appended = store().appendAudit(last -> {
            assertThat(last).contains(first);
            return List.of(second, entry(3));
        });

        assertThat(appended).containsExactly(second, entry(3));
        assertThat(store().lastAudit()).contains(entry(3));
        assertThat(store().audit(0, 10)).containsExactly(first, second, entry(3));
        assertThat(store().audit(0, 1)).containsExactly(first);
        assertThat(store().audit(1, 10)).containsExactly(second, entry(3));
        assertThat(store().audit(3, 10)).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> store().audit(0, 0));
    }

    @Test
    default void anAuditEntryThatDoesNotFollowIsRefused() {
        store().appendAudit(last -> List.of(entry(1)));

        assertThatIllegalArgumentException().isThrownBy(() -> store().appendAudit(last -> List.of(entry(1))));
        assertThatIllegalArgumentException().isThrownBy(() -> store().appendAudit(last -> List.of(entry(2), entry(4))));
        assertThatThrownBy(() -> store().appendAudit(last -> {
                    throw new UnsupportedOperationException("no");
                }))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThat(store().audit(0, 10)).containsExactly(entry(1));
    }

    @Test
    default void auditEntriesOfManyThreadsMakeOneChain() throws Exception {
        List<Store> users = List.of(store(), openAnother());

        StoreFixture.together(StoreFixture.times(
                64,
                number -> users.get(number % 2)
                        .appendAudit(
                                last -> List.of(entry(last.map(AuditEntry::seq).orElse(0L) + 1)))));

        assertThat(store().audit(0, 100))
                .isEqualTo(LongStream.rangeClosed(1, 64)
                        .mapToObj(LedgerContract::entry)
                        .toList());
    }

    @Test
    default void anotherUserSeesWhatWasWritten() {
        TenantId tenant = tenant(1).id();

        assertThat(openAnother().tenant(tenant))
                .isEqualTo(store().tenant(tenant))
                .isPresent();
    }

    @Test
    default void aClosedStoreSaysSo() {
        Store other = openAnother();
        other.close();
        other.close();

        assertCode(ErrorCode.NOT_READY, () -> other.setting("name"));
        assertCode(ErrorCode.NOT_READY, () -> other.settingOrElse("name", "value"));
        assertCode(ErrorCode.NOT_READY, () -> other.sessions(UNKNOWN_TENANT, Optional.empty(), 1));
        assertThat(store().setting("name")).isEmpty();
    }

    private static UsageRecord used(TenantId tenant, String model, long unit, long at) {
        return new UsageRecord(tenant, SessionId.random(), model, unit, 2 * unit, 3 * unit, 4 * unit, 5 * unit, at);
    }

    private static AuditEntry entry(long seq) {
        return new AuditEntry(seq, seq * 10, "actor", "action", AWKWARD, "previous", "hash-" + seq);
    }
}
