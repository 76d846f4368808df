package dev.cloister.store;

import static dev.cloister.store.StoreFixture.assertCode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Tenant;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Events: in order, without gaps, and no more than are kept. */
interface EventContract extends StoreFixture {
    @Test
    default void eventsComeBackInOrderBehindTheLastSeen() {
        SessionId session = session(tenant(1), 1).id();
        List<SessionEvent> events = events(session, 1, 10);
        store().appendEvents(events.subList(0, 4), 100);
        store().appendEvents(events.subList(4, 10), 100);

        assertThat(store().events(session, 0, 100)).isEqualTo(events);
        assertThat(store().events(session, 3, 2)).isEqualTo(events.subList(3, 5));
        assertThat(store().events(session, 10, 100)).isEmpty();
        assertThat(store().lastEvent(session)).isEqualTo(10);
    }

    @Test
    default void aSessionWithoutEventsHasNone() {
        assertThat(store().lastEvent(SessionId.random())).isZero();
        assertThat(store().events(SessionId.random(), 0, 10)).isEmpty();
        store().appendEvents(List.of(), 10);
    }

    @Test
    default void onlyTheNewestAreKeptPerSession() {
        Tenant tenant = tenant(1);
        SessionId busy = session(tenant, 1).id();
        SessionId calm = session(tenant, 1).id();
        store().appendEvents(events(calm, 1, 3), 3);

        store().appendEvents(events(busy, 1, 10), 3);
        store().appendEvents(events(busy, 11, 11), 3);

        assertThat(store().events(busy, 0, 100)).isEqualTo(events(busy, 9, 11));
        assertThat(store().events(calm, 0, 100)).isEqualTo(events(calm, 1, 3));
        assertThat(store().lastEvent(busy)).isEqualTo(11);
    }

    @Test
    default void oneBatchMayConcernSeveralSessions() {
        Tenant tenant = tenant(1);
        SessionId one = session(tenant, 1).id();
        SessionId two = session(tenant, 1).id();
        SessionEvent gone = new SessionEvent(SessionId.random(), 1, "type", "{}", 1);

        store().appendEvents(
                        List.of(
                                events(one, 1, 1).getFirst(),
                                gone,
                                events(two, 1, 1).getFirst(),
                                events(one, 2, 2).getFirst()),
                        1);

        assertThat(store().events(one, 0, 10)).isEqualTo(events(one, 2, 2));
        assertThat(store().events(two, 0, 10)).isEqualTo(events(two, 1, 1));
        assertThat(store().lastEvent(gone.session())).isZero();
    }

    @Test
    default void aTakenNumberRefusesTheWholeBatch() {
        SessionId session = session(tenant(1), 1).id();
        store().appendEvents(events(session, 1, 2), 100);

        assertCode(
                ErrorCode.CONFLICT,
                () -> store().appendEvents(events(session, 2, 4).reversed(), 100));

        assertThat(store().events(session, 0, 100)).isEqualTo(events(session, 1, 2));
    }

    @Test
    default void atLeastOneEventIsKept() {
        SessionId session = session(tenant(1), 1).id();

        assertThatIllegalArgumentException().isThrownBy(() -> store().appendEvents(events(session, 1, 1), 0));
        assertThatIllegalArgumentException().isThrownBy(() -> store().events(session, 0, 0));
    }

    @Test
    default void sessionsWriteAtOnceWithoutHarm() throws Exception {
        Tenant tenant = tenant(1);
        List<Store> users = List.of(store(), openAnother());

        List<SessionId> sessions = StoreFixture.together(StoreFixture.times(16, number -> {
            SessionId session = session(tenant, number).id();
            for (long seq = 1; seq <= 20; seq += 5) {
                users.get(number % 2).appendEvents(events(session, seq, seq + 4), 12);
            }
            return session;
        }));

        assertThat(sessions)
                .allSatisfy(
                        session -> assertThat(store().events(session, 0, 100)).isEqualTo(events(session, 9, 20)));
    }

    private static List<SessionEvent> events(SessionId session, long from, long to) {
        return LongStream.rangeClosed(from, to)
                .mapToObj(seq -> new SessionEvent(session, seq, "type-" + seq, AWKWARD + seq, seq * 10))
                .toList();
    }
}
