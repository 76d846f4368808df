package dev.cloister.store;

import static dev.cloister.store.StoreFixture.assertCode;
import static dev.cloister.store.StoreFixture.fingerprint;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.usage.UsageRecord;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Tenants and their credentials. */
interface TenantContract extends StoreFixture {
    @Test
    default void aNewFingerprintMakesATenantOfTheSameId() {
        Tenant made = store().tenantOf(fingerprint(1), RANGE, 42);

        assertThat(made.id().value()).isEqualTo(fingerprint(1).value());
        assertThat(made.name()).isEmpty();
        assertThat(made.enabled()).isTrue();
        assertThat(made.createdAt()).isEqualTo(42);
        assertThat(store().tenant(made.id())).contains(made);
        assertThat(store().findTenant(fingerprint(1))).contains(made);
    }

    @Test
    default void aKnownFingerprintFindsItsTenant() {
        Tenant made = tenant(1);

        assertThat(store().tenantOf(fingerprint(1), RANGE, 99)).isEqualTo(made);
        assertThat(store().tenantCount()).isEqualTo(1);
    }

    @Test
    default void manyThreadsWithOneNewFingerprintMakeOneTenant() throws Exception {
        List<Store> users = List.of(store(), openAnother());

        List<Tenant> seen = StoreFixture.together(
                StoreFixture.times(64, number -> users.get(number % 2).tenantOf(fingerprint(1), RANGE, number)));

        assertThat(seen).hasSize(64).containsOnly(seen.getFirst());
        assertThat(store().tenantCount()).isEqualTo(1);
    }

    @Test
    default void manyNewFingerprintsAtOnceGetDistinctUids() throws Exception {
        List<Store> users = List.of(store(), openAnother());

        List<Tenant> made = StoreFixture.together(
                StoreFixture.times(64, number -> users.get(number % 2).tenantOf(fingerprint(number), RANGE, number)));

        Set<Long> uids = made.stream().map(Tenant::uid).collect(Collectors.toSet());
        assertThat(uids).hasSize(64).allMatch(uid -> uid >= 5_000 && uid < 5_064);
        assertThat(store().tenantCount()).isEqualTo(64);
    }

    @Test
    default void aNamedTenantGetsARandomId() {
        Tenant one = store().addTenant("one", fingerprint(1), RANGE, 7);
        Tenant two = store().addTenant("two", fingerprint(2), RANGE, 7);

        assertThat(one.name()).isEqualTo("one");
        assertThat(one.createdAt()).isEqualTo(7);
        assertThat(one.id()).isNotEqualTo(two.id());
        assertThat(one.id().value()).isNotEqualTo(fingerprint(1).value());
        assertThat(store().findTenant(fingerprint(2))).contains(two);
    }

    @Test
    default void aTakenNameOrCredentialIsAConflictAndTakesNoUid() {
        Tenant one = store().addTenant("one", fingerprint(1), RANGE, 0);

        assertCode(ErrorCode.CONFLICT, () -> store().addTenant("one", fingerprint(2), RANGE, 0));
        assertCode(ErrorCode.CONFLICT, () -> store().addTenant("two", fingerprint(1), RANGE, 0));

        assertThat(store().tenants()).containsExactly(one);
        assertThat(tenant(3).uid()).isEqualTo(one.uid() + 1);
    }

    @Test
    default void aBlankNameIsRefused() {
        assertCode(ErrorCode.INVALID_REQUEST, () -> store().addTenant(" ", fingerprint(1), RANGE, 0));
    }

    @Test
    default void tenantsAreListedOldestFirst() {
        Tenant later = store().tenantOf(fingerprint(1), RANGE, 20);
        Tenant sameTime = store().tenantOf(fingerprint(2), RANGE, 20);
        Tenant earlier = store().tenantOf(fingerprint(3), RANGE, 10);

        assertThat(store().tenants()).containsExactly(earlier, later, sameTime);
    }

    @Test
    default void anAddedCredentialOpensTheTenant() {
        Tenant tenant = tenant(1);

        store().addFingerprint(tenant.id(), fingerprint(2), 5);
        store().addFingerprint(tenant.id(), fingerprint(2), 6);

        assertThat(store().findTenant(fingerprint(2))).contains(tenant);
        assertThat(store().tenantOf(fingerprint(2), RANGE, 7)).isEqualTo(tenant);
    }

    @Test
    default void aCredentialOfAnotherTenantCannotBeAdded() {
        Tenant one = tenant(1);
        Tenant two = tenant(2);

        assertCode(ErrorCode.CONFLICT, () -> store().addFingerprint(one.id(), fingerprint(2), 0));
        assertThat(store().findTenant(fingerprint(2))).contains(two);
        assertCode(ErrorCode.NOT_FOUND, () -> store().addFingerprint(UNKNOWN_TENANT, fingerprint(3), 0));
    }

    @Test
    default void aWithdrawnCredentialOpensNothing() {
        Tenant tenant = tenant(1);
        Tenant other = tenant(9);
        store().addFingerprint(tenant.id(), fingerprint(2), 0);
        store().addFingerprint(tenant.id(), fingerprint(3), 0);

        store().keepOnlyFingerprint(tenant.id(), fingerprint(2));

        assertThat(store().findTenant(fingerprint(1))).isEmpty();
        assertThat(store().findTenant(fingerprint(2))).contains(tenant);
        assertThat(store().findTenant(fingerprint(3))).isEmpty();
        assertThat(store().findTenant(fingerprint(9))).contains(other);
        assertCode(ErrorCode.UNAUTHENTICATED, () -> tenant(1));
    }

    @Test
    default void aTenantIsNeverLockedOut() {
        Tenant tenant = tenant(1);
        tenant(2);

        assertCode(ErrorCode.NOT_FOUND, () -> store().keepOnlyFingerprint(tenant.id(), fingerprint(2)));
        assertCode(ErrorCode.NOT_FOUND, () -> store().keepOnlyFingerprint(tenant.id(), fingerprint(3)));
        assertCode(ErrorCode.NOT_FOUND, () -> store().keepOnlyFingerprint(UNKNOWN_TENANT, fingerprint(1)));
        assertThat(store().findTenant(fingerprint(1))).contains(tenant);
    }

    @Test
    default void aTenantIsDisabledAndEnabled() {
        Tenant tenant = tenant(1);

        store().setTenantEnabled(tenant.id(), false);
        assertThat(tenant(1).enabled()).isFalse();

        store().setTenantEnabled(tenant.id(), true);
        assertThat(tenant(1)).isEqualTo(tenant);
        assertCode(ErrorCode.NOT_FOUND, () -> store().setTenantEnabled(UNKNOWN_TENANT, false));
    }

    @Test
    default void aDeletedTenantTakesAllButItsBillWithIt() {
        Tenant tenant = tenant(1);
        Session session = session(tenant, 1);
        Session others = session(tenant(2), 1);
        store().appendEvents(
                        List.of(
                                new SessionEvent(session.id(), 1, "type", "{}", 1),
                                new SessionEvent(others.id(), 1, "type", "{}", 1)),
                        10);
        store().addUsage(new UsageRecord(tenant.id(), session.id(), "model", 1, 1, 1, 1, 1, 1));

        assertThat(store().deleteTenant(tenant.id())).isTrue();

        assertThat(store().tenant(tenant.id())).isEmpty();
        assertThat(store().findTenant(fingerprint(1))).isEmpty();
        assertThat(store().session(tenant.id(), session.id())).isEmpty();
        assertThat(store().sessions(tenant.id(), Optional.empty(), 10)).isEmpty();
        assertThat(store().lastEvent(session.id())).isZero();
        assertThat(store().usage(tenant.id(), 0, 10)).hasSize(1);
        assertThat(store().lastEvent(others.id())).isEqualTo(1);
        assertThat(store().deleteTenant(tenant.id())).isFalse();
    }
}
