package dev.cloister.core.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.testing.Eventually;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class EventLogsTest {
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(4711), ZoneOffset.UTC);
    private static final int KEPT = 2000;

    private final InMemoryStore store = new InMemoryStore();
    private final TenantId tenant = store.tenantOf(
                    new Fingerprint("a".repeat(32)), new UidAllocation.Shared(1000), CLOCK.millis())
            .id();
    private EventLogs logs;

    @BeforeEach
    void open() {
        logs = new EventLogs(store, CLOCK, KEPT);
    }

    @AfterEach
    void close() {
        logs.close();
    }

    private SessionId session() {
        SessionId id = SessionId.random();
        store.insertSession(new Session(id, tenant, "", "m", "", Optional.empty(), false, 0, 1, 1));
        return id;
    }

    private static List<Long> drain(EventFeed feed) throws InterruptedException {
        List<Long> seen = new ArrayList<>();
        for (Optional<SessionEvent> event = feed.poll(Duration.ZERO);
                event.isPresent();
                event = feed.poll(Duration.ZERO)) {
            seen.add(event.get().seq());
        }
        return seen;
    }

    private static List<Long> numbers(long first, long last) {
        return LongStream.rangeClosed(first, last).boxed().toList();
    }

    @Test
    void eventsAreNumberedFromOneAndReplayedAsTheyWere() throws Exception {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        SessionEvent first = appender.append("message_start", "{\"a\":1}");
        SessionEvent second = appender.append("message_stop", "{}");
        assertThat(first).isEqualTo(new SessionEvent(session, 1, "message_start", "{\"a\":1}", 4711));
        EventFeed feed = logs.feed(session, 0);
        assertThat(feed.poll(Duration.ZERO)).contains(first);
        assertThat(feed.poll(Duration.ZERO)).contains(second);
        assertThat(feed.poll(Duration.ZERO)).isEmpty();
    }

    @Test
    void aFeedBeginsBehindTheEventNamed() throws Exception {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        for (int i = 0; i < 10; i++) {
            appender.append("t", "{}");
        }
        assertThat(drain(logs.feed(session, 7))).containsExactly(8L, 9L, 10L);
        assertThat(drain(logs.feed(session, 10))).isEmpty();
        assertThat(drain(logs.feed(session, 99))).isEmpty();
    }

    @Test
    void aNewAppenderGoesOnWithTheNumbersEvenOfAnEarlierServer() {
        SessionId session = session();
        logs.appender(session).append("t", "{}");
        assertThat(logs.appender(session).append("t", "{}").seq()).isEqualTo(2);
        logs.close();
        logs = new EventLogs(store, CLOCK, KEPT);
        assertThat(logs.appender(session).append("t", "{}").seq()).isEqualTo(3);
    }

    @Test
    void closingStoresWhatWasAppended() {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        for (int i = 0; i < 1500; i++) {
            appender.append("t", "{}");
        }
        logs.close();
        assertThat(store.lastEvent(session)).isEqualTo(1500);
    }

    @Test
    void aFeedReplaysMoreThanOnePage() throws Exception {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        for (int i = 0; i < 1000; i++) {
            appender.append("t", "{}");
        }
        assertThat(drain(logs.feed(session, 0))).isEqualTo(numbers(1, 1000));
    }

    @Test
    void aFeedThatWaitsIsWokenByANewEvent() throws Exception {
        SessionId session = session();
        EventFeed feed = logs.feed(session, 0);
        FutureTask<Optional<SessionEvent>> poll = new FutureTask<>(() -> feed.poll(Duration.ofMinutes(1)));
        Thread waiting = Thread.ofPlatform().daemon(true).start(poll);
        Eventually.holds("it waits", () -> waiting.getState() == Thread.State.TIMED_WAITING);
        logs.appender(session()).append("other", "{}");
        SessionEvent event = logs.appender(session).append("t", "{}");
        assertThat(poll.get(30, TimeUnit.SECONDS)).contains(event);
    }

    @Test
    void nothingIsLostOrRepeatedWhileEventsAreAppended() throws Exception {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        int events = 1800;
        List<FutureTask<List<Long>>> readers = new ArrayList<>();
        for (int start = 0; start < 4; start++) {
            int after = start * 100;
            FutureTask<List<Long>> reader = new FutureTask<>(() -> follow(session, after, events));
            readers.add(reader);
            Thread.ofPlatform().daemon(true).start(reader);
        }
        EventLogs.Appender other = logs.appender(session());
        for (int i = 0; i < events; i++) {
            appender.append("t", "{}");
            other.append("t", "{}");
        }
        // One more, which comes when all others were appended.
        readers.add(new FutureTask<>(() -> follow(session, 0, events)));
        readers.getLast().run();
        for (int start = 0; start < 4; start++) {
            assertThat(readers.get(start).get(60, TimeUnit.SECONDS)).isEqualTo(numbers(start * 100 + 1, events));
        }
        assertThat(readers.getLast().get()).isEqualTo(numbers(1, events));
    }

    private List<Long> follow(SessionId session, long after, long last) throws InterruptedException {
        List<Long> seen = new ArrayList<>();
        EventFeed feed = logs.feed(session, after);
        while (seen.isEmpty() || seen.getLast() < last) {
            feed.poll(Duration.ofMillis(200)).ifPresent(event -> seen.add(event.seq()));
        }
        feed.close();
        return seen;
    }

    @Test
    void onlyTheNewestAreKept() throws Exception {
        SessionId session = session();
        EventLogs.Appender appender = logs.appender(session);
        for (int i = 0; i < KEPT + 700; i++) {
            appender.append("t", "{}");
        }
        assertThat(drain(logs.feed(session, 0))).isEqualTo(numbers(701, KEPT + 700));
        assertThat(logs.appender(session).append("t", "{}").seq()).isEqualTo(KEPT + 701);
    }

    @Test
    void aFeedOfADeletedSessionWaitsInsteadOfSpinning() throws Exception {
        SessionId session = session();
        logs.appender(session).append("t", "{}");
        EventFeed behind = logs.feed(session, 0);
        logs.flush();
        store.deleteSession(tenant, session);
        // The writer's memory of the session is still ahead of the feed: as when a turn's last event came with its
        // deletion.
        FutureTask<Optional<SessionEvent>> poll = new FutureTask<>(() -> behind.poll(Duration.ofMinutes(1)));
        Thread waiting = Thread.ofPlatform().daemon(true).start(poll);
        Eventually.holds("it waits", () -> waiting.getState() == Thread.State.TIMED_WAITING);
        for (int i = 0; i < 50; i++) {
            assertThat(waiting.getState()).isEqualTo(Thread.State.TIMED_WAITING);
            Thread.sleep(2);
        }
        waiting.interrupt();
    }
}
