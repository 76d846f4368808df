package dev.cloister.core.session;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Numbers, stores and feeds out the events of sessions. Events are stored by one writer in batches, so that a turn never
 * waits for the disk. Thread-safe.
 */
public final class EventLogs implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EventLogs.class);
    private static final int BATCH = 500;

    private final SessionStore store;
    private final Clock clock;
    private final int keptPerSession;
    private final BlockingQueue<Job> jobs = new LinkedBlockingQueue<>();
    /** How many were appended and are not stored yet. */
    private final AtomicInteger pending = new AtomicInteger();
    /** The last stored event of each session written to since the start; feeds read the store only when it moved. */
    private final Map<SessionId, Long> stored = new ConcurrentHashMap<>();

    private final Object moved = new Object();
    private final Thread writer;

    private sealed interface Job {
        record Append(SessionEvent event) implements Job {}

        record Flushed(CountDownLatch done) implements Job {}

        record Stop() implements Job {}
    }

    public EventLogs(SessionStore store, Clock clock, int keptPerSession) {
        this.store = store;
        this.clock = clock;
        this.keptPerSession = keptPerSession;
        this.writer = Thread.ofPlatform().name("event-writer").daemon(true).start(this::write);
    }

    /** Opens a session's log for appending. One at a time for each session: the caller holds the session's lock. */
    public Appender appender(SessionId session) {
        flush();
        return new Appender(session, store.lastEvent(session));
    }

    /** Appends to one session. Not thread-safe. */
    public final class Appender {
        private final SessionId session;
        private long last;

        private Appender(SessionId session, long last) {
            this.session = session;
            this.last = last;
        }

        /** Numbers an event and hands it to the writer. */
        public SessionEvent append(String type, String data) {
            SessionEvent event = new SessionEvent(session, ++last, type, data, clock.millis());
            pending.incrementAndGet();
            jobs.add(new Job.Append(event));
            return event;
        }
    }

    /** Returns when all that was appended before is stored. */
    public void flush() {
        if (pending.get() == 0) {
            return;
        }
        CountDownLatch done = new CountDownLatch(1);
        jobs.add(new Job.Flushed(done));
        try {
            while (writer.isAlive() && !done.await(100, TimeUnit.MILLISECONDS)) {
                continue;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A session's events after {@code after}: those stored, then each new one. */
    public EventFeed feed(SessionId session, long after) {
        return new Feed(session, after);
    }

    private final class Feed implements EventFeed {
        private final SessionId session;
        private long cursor;
        private List<SessionEvent> page = List.of();
        private int next;
        private boolean first = true;
        /** How far the store was when it was last read: an event up to there that was not found is not there. */
        private long looked;

        Feed(SessionId session, long after) {
            this.session = session;
            this.cursor = after;
        }

        @Override
        public Optional<SessionEvent> poll(Duration timeout) throws InterruptedException {
            if (first) {
                first = false;
                flush();
                read();
            }
            long deadline = System.nanoTime() + timeout.toNanos();
            while (next == page.size()) {
                if (page.size() == BATCH || newest() > looked) {
                    read();
                    if (next < page.size()) {
                        break;
                    }
                }
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    return Optional.empty();
                }
                synchronized (moved) {
                    if (newest() <= looked) {
                        moved.wait(Math.max(1, left / 1_000_000));
                    }
                }
            }
            SessionEvent event = page.get(next++);
            cursor = event.seq();
            return Optional.of(event);
        }

        private long newest() {
            return stored.getOrDefault(session, 0L);
        }

        private void read() {
            looked = newest();
            page = store.events(session, cursor, BATCH);
            next = 0;
        }

        @Override
        public void close() {
            page = List.of();
            next = 0;
        }
    }

    private void write() {
        List<Job> taken = new ArrayList<>();
        boolean stopped = false;
        while (!stopped) {
            taken.clear();
            try {
                taken.add(jobs.take());
            } catch (InterruptedException e) {
                // Only close() ends the writer, by a job behind all others.
                continue;
            }
            jobs.drainTo(taken, BATCH);
            List<SessionEvent> events = new ArrayList<>();
            for (Job job : taken) {
                if (job instanceof Job.Append append) {
                    events.add(append.event());
                }
            }
            store(events);
            pending.addAndGet(-events.size());
            for (Job job : taken) {
                switch (job) {
                    case Job.Append append -> {}
                    case Job.Flushed flushed -> flushed.done().countDown();
                    case Job.Stop stop -> stopped = true;
                }
            }
        }
    }

    private void store(List<SessionEvent> events) {
        if (events.isEmpty()) {
            return;
        }
        try {
            store.appendEvents(events, keptPerSession);
        } catch (RuntimeException e) {
            // The clients of the turn have their events; only a later replay misses them.
            log.error("{} events could not be stored", events.size(), e);
        }
        synchronized (moved) {
            events.forEach(event -> stored.put(event.session(), event.seq()));
            moved.notifyAll();
        }
    }

    /** Forgets what is remembered of a deleted session. */
    public void forget(SessionId session) {
        flush();
        stored.remove(session);
    }

    @Override
    public void close() {
        jobs.add(new Job.Stop());
        try {
            writer.join(Duration.ofSeconds(10));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
