package dev.cloister.store;

import static dev.cloister.store.StoreFixture.assertCode;
import static dev.cloister.store.StoreFixture.fingerprint;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.UidAllocation;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Uids: each is given once, and never again. */
interface UidContract extends StoreFixture {
    @Test
    default void theUidOfADeletedTenantStaysUsed() {
        Tenant gone = tenant(1);
        store().deleteTenant(gone.id());

        Tenant back = tenant(1);

        assertThat(back.id()).isEqualTo(gone.id());
        assertThat(back.uid()).isEqualTo(gone.uid() + 1);
    }

    @Test
    default void aTenantThatGetsAUidOfItsOwnKeepsAllElse() {
        Tenant before = store().tenantOf(fingerprint(1), new UidAllocation.Shared(1000), 7);
        store().setTenantEnabled(before.id(), false);

        Tenant after = store().giveUid(before.id(), new UidAllocation.Range(5_000, 5_001));

        assertThat(after).isEqualTo(new Tenant(before.id(), before.name(), 5_000, false, 7));
        assertThat(openAnother().tenant(before.id())).contains(after);
        assertThat(tenant(2).uid()).isEqualTo(5_001);
        assertCode(
                ErrorCode.NOT_FOUND,
                () -> store().giveUid(StoreFixture.UNKNOWN_TENANT, new UidAllocation.Range(5_002, 5_003)));
    }

    @Test
    default void anExhaustedRangeIsOverloadedUntilItIsWidened() {
        UidAllocation three = new UidAllocation.Range(100, 102);
        List<Long> uids = LongStream.range(0, 3)
                .mapToObj(number ->
                        store().tenantOf(fingerprint(number), three, 0).uid())
                .toList();

        assertThat(uids).containsExactly(100L, 101L, 102L);
        assertCode(ErrorCode.OVERLOADED, () -> store().tenantOf(fingerprint(3), three, 0));
        assertCode(ErrorCode.OVERLOADED, () -> store().addTenant("three", fingerprint(3), three, 0));
        assertThat(store().tenantCount()).isEqualTo(3);
        assertThat(store().tenantOf(fingerprint(0), three, 0).uid()).isEqualTo(100);
        assertThat(store().tenantOf(fingerprint(3), new UidAllocation.Range(100, 103), 0)
                        .uid())
                .isEqualTo(103);
    }

    @Test
    default void aChangedRangeGivesWhatIsLeftInIt() {
        UidAllocation early = new UidAllocation.Range(102, 103);
        store().tenantOf(fingerprint(1), early, 0);
        store().deleteTenant(store().tenantOf(fingerprint(2), early, 0).id());
        UidAllocation wider = new UidAllocation.Range(100, 104);

        List<Long> uids = LongStream.range(10, 13)
                .mapToObj(number ->
                        store().tenantOf(fingerprint(number), wider, 0).uid())
                .toList();

        assertThat(uids).containsExactlyInAnyOrder(100L, 101L, 104L);
        assertCode(ErrorCode.OVERLOADED, () -> store().tenantOf(fingerprint(13), wider, 0));
    }

    @Test
    default void aSharedUidIsSharedAndNeverGivenToOneTenantAlone() {
        UidAllocation shared = new UidAllocation.Shared(100);

        assertThat(store().tenantOf(fingerprint(1), shared, 0).uid()).isEqualTo(100);
        assertThat(store().tenantOf(fingerprint(2), shared, 0).uid()).isEqualTo(100);
        assertThat(store().tenantOf(fingerprint(3), new UidAllocation.Range(100, 101), 0)
                        .uid())
                .isEqualTo(101);
    }
}
