package dev.cloister.server;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.session.EventFeed;
import dev.cloister.core.session.NewSession;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.session.Sessions;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;

/** Sessions in memory; each has the events 1 to 3, and those that the test publishes. */
final class FakeSessions implements Sessions {
    final List<Session> all = new CopyOnWriteArrayList<>();
    final List<Feed> feeds = new CopyOnWriteArrayList<>();

    @Override
    public Session create(Principal principal, NewSession request) {
        return add(principal.tenant().id(), request.title(), request.model(), request.system(), Optional.empty());
    }

    private Session add(TenantId tenant, String title, String model, String system, Optional<SessionId> from) {
        Session session = new Session(SessionId.random(), tenant, title, model, system, from, false, 0, 5, 6);
        all.addFirst(session);
        return session;
    }

    @Override
    public List<Session> list(TenantId tenant, Optional<SessionId> after, int limit) {
        List<Session> own = all.stream().filter(s -> s.tenant().equals(tenant)).toList();
        int from = after.map(id -> own.indexOf(get(tenant, id)) + 1).orElse(0);
        return own.stream().skip(from).limit(limit).toList();
    }

    @Override
    public Session get(TenantId tenant, SessionId id) {
        return all.stream()
                .filter(s -> s.tenant().equals(tenant) && s.id().equals(id))
                .findFirst()
                .orElseThrow(() -> CloisterException.notFound("there is no such session"));
    }

    @Override
    public void delete(TenantId tenant, SessionId id) {
        all.remove(get(tenant, id));
    }

    @Override
    public Session fork(Principal principal, SessionId id) {
        Session from = get(principal.tenant().id(), id);
        return add(from.tenant(), from.title(), from.model(), from.system(), Optional.of(id));
    }

    @Override
    public EventFeed events(TenantId tenant, SessionId id, long after) {
        Feed feed = new Feed(get(tenant, id).id(), after);
        feeds.add(feed);
        return feed;
    }

    static final class Feed implements EventFeed {
        final BlockingQueue<SessionEvent> events = new LinkedBlockingQueue<>();
        volatile boolean closed;

        Feed(SessionId id, long after) {
            LongStream.rangeClosed(1, 3)
                    .filter(seq -> seq > after)
                    .forEach(seq -> events.add(new SessionEvent(id, seq, "agent.tool_call", "{\"n\":" + seq + "}", 0)));
        }

        @Override
        public Optional<SessionEvent> poll(Duration timeout) throws InterruptedException {
            return Optional.ofNullable(events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS));
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
