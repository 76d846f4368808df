package dev.cloister.store;

import static dev.cloister.store.StoreFixture.assertCode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Sessions: each is its tenant's alone. */
interface SessionContract extends StoreFixture {
    @Test
    default void aSessionComesBackAsItWasStored() {
        Tenant tenant = tenant(1);
        Session session = new Session(
                SessionId.random(),
                tenant.id(),
                AWKWARD,
                "model",
                AWKWARD,
                Optional.of(SessionId.random()),
                true,
                3,
                Long.MAX_VALUE,
                4);

        store().insertSession(session);

        assertThat(store().session(tenant.id(), session.id())).contains(session);
        assertThat(session(tenant, 1))
                .satisfies(plain ->
                        assertThat(store().session(tenant.id(), plain.id())).contains(plain));
    }

    @Test
    default void aSessionIsInvisibleToOtherTenants() {
        Session session = session(tenant(1), 1);
        TenantId stranger = tenant(2).id();

        assertThat(store().session(stranger, session.id())).isEmpty();
        assertThat(store().sessions(stranger, Optional.empty(), 10)).isEmpty();
        assertThat(store().updateSession(stranger, session.id(), SessionContract::started))
                .isEmpty();
        assertThat(store().deleteSession(stranger, session.id())).isFalse();
        assertCode(ErrorCode.NOT_FOUND, () -> store().sessions(stranger, Optional.of(session.id()), 10));
        assertThat(store().session(session.tenant(), session.id())).contains(session);
    }

    @Test
    default void aTakenIdIsAConflictForEveryTenant() {
        Session session = session(tenant(1), 1);
        Session stolen = moved(session, tenant(2).id());

        assertCode(ErrorCode.CONFLICT, () -> store().insertSession(session));
        assertCode(ErrorCode.CONFLICT, () -> store().insertSession(stolen));
        assertCode(ErrorCode.NOT_FOUND, () -> store().insertSession(moved(session, UNKNOWN_TENANT)));
        assertThat(store().session(session.tenant(), session.id())).contains(session);
    }

    @Test
    default void pagesShowEverySessionOnceNewestFirstEvenAtEqualTimes() {
        Tenant tenant = tenant(1);
        session(tenant(2), 2);
        List<Session> all = new ArrayList<>(IntStream.range(0, 23)
                .mapToObj(number -> session(tenant, number / 8))
                .toList());
        all.sort(Comparator.comparingLong(Session::createdAt)
                .thenComparing(session -> session.id().toString())
                .reversed());

        List<Session> seen = new ArrayList<>();
        Optional<SessionId> cursor = Optional.empty();
        List<Session> page = store().sessions(tenant.id(), cursor, 4);
        while (!page.isEmpty()) {
            assertThat(page).hasSizeLessThanOrEqualTo(4);
            seen.addAll(page);
            cursor = Optional.of(page.getLast().id());
            page = store().sessions(tenant.id(), cursor, 4);
        }

        assertThat(seen).containsExactlyElementsOf(all);
    }

    @Test
    default void pagesNeedAKnownCursorAndARealLimit() {
        Tenant tenant = tenant(1);

        assertCode(ErrorCode.NOT_FOUND, () -> store().sessions(tenant.id(), Optional.of(SessionId.random()), 10));
        assertThatIllegalArgumentException().isThrownBy(() -> store().sessions(tenant.id(), Optional.empty(), 0));
        assertThatIllegalArgumentException().isThrownBy(() -> store().sessions(tenant.id(), Optional.empty(), -1));
    }

    @Test
    default void aSessionIsUpdated() {
        Session session = session(tenant(1), 1);
        Session untouched = session(tenant(1), 1);

        Optional<Session> updated = store().updateSession(session.tenant(), session.id(), SessionContract::started);

        assertThat(updated).contains(started(session));
        assertThat(store().session(session.tenant(), session.id())).isEqualTo(updated);
        assertThat(store().session(untouched.tenant(), untouched.id())).contains(untouched);
        assertThat(store().updateSession(session.tenant(), SessionId.random(), SessionContract::started))
                .isEmpty();
    }

    @Test
    default void anUpdateKeepsIdAndTenantAndFailsWhole() {
        Session session = session(tenant(1), 1);
        TenantId other = tenant(2).id();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> store().updateSession(session.tenant(), session.id(), old -> moved(old, other)));
        assertThatThrownBy(() -> store().updateSession(session.tenant(), session.id(), old -> {
                    throw new UnsupportedOperationException("no");
                }))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThat(store().session(session.tenant(), session.id())).contains(session);
    }

    @Test
    default void noUpdateIsLost() throws Exception {
        Session session = session(tenant(1), 1);
        List<Store> users = List.of(store(), openAnother());

        StoreFixture.together(StoreFixture.times(
                64,
                number ->
                        users.get(number % 2).updateSession(session.tenant(), session.id(), SessionContract::started)));

        assertThat(store().session(session.tenant(), session.id()))
                .map(Session::turns)
                .contains(64L);
    }

    @Test
    default void aDeletedSessionTakesItsEventsWithIt() {
        Session session = session(tenant(1), 1);
        store().appendEvents(List.of(new SessionEvent(session.id(), 1, "type", "{}", 1)), 10);

        assertThat(store().deleteSession(session.tenant(), session.id())).isTrue();

        assertThat(store().session(session.tenant(), session.id())).isEmpty();
        assertThat(store().events(session.id(), 0, 10)).isEmpty();
        assertThat(store().deleteSession(session.tenant(), session.id())).isFalse();
    }

    private static Session started(Session old) {
        return new Session(
                old.id(),
                old.tenant(),
                old.title() + "!",
                "other-model",
                "other-system",
                old.forkedFrom(),
                true,
                old.turns() + 1,
                old.createdAt(),
                old.updatedAt() + 1);
    }

    private static Session moved(Session old, TenantId tenant) {
        return new Session(
                old.id(),
                tenant,
                old.title(),
                old.model(),
                old.system(),
                old.forkedFrom(),
                old.started(),
                old.turns(),
                old.createdAt(),
                old.updatedAt());
    }
}
