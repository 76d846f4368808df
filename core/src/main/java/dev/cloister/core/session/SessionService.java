package dev.cloister.core.session;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.exec.Exec;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.exec.Execs;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A tenant's conversations, from the store. */
public final class SessionService implements Sessions {
    /**
     * Removes what the agent keeps of a session, as the tenant itself: the files are the tenant's, and the server does not
     * touch them. The id is a checked UUID.
     */
    private static final String FORGET =
            "rm -rf -- \"$HOME\"/.claude/projects/*/\"$1\".jsonl \"$HOME\"/.claude/projects/*/\"$1\" "
                    + "\"$HOME\"/.claude/session-env/\"$1\" \"$HOME\"/.claude/tasks/\"$1\"";

    private final Store store;
    private final SessionRegistry registry;
    private final EventLogs events;
    private final SessionLocks locks;
    private final ModelAllowList models;
    private final Execs execs;
    private final Audit audit;

    public SessionService(
            Store store,
            SessionRegistry registry,
            EventLogs events,
            SessionLocks locks,
            ModelAllowList models,
            Execs execs,
            Audit audit) {
        this.store = store;
        this.registry = registry;
        this.events = events;
        this.locks = locks;
        this.models = models;
        this.execs = execs;
        this.audit = audit;
    }

    @Override
    public Session create(Principal principal, NewSession request) {
        if (!request.model().isEmpty()) {
            models.require(request.model());
        }
        return registry.create(
                principal.tenant().id(), request.title(), request.model(), request.system(), Optional.empty());
    }

    @Override
    public List<Session> list(TenantId tenant, Optional<SessionId> after, int limit) {
        return store.sessions(tenant, after, limit);
    }

    @Override
    public Session get(TenantId tenant, SessionId id) {
        return store.session(tenant, id).orElseThrow(() -> CloisterException.notFound("you have no session " + id));
    }

    @Override
    public void delete(TenantId tenant, SessionId id) {
        Session session = get(tenant, id);
        try (SessionLocks.Held held = locks.acquire(id)) {
            if (session.started()) {
                forget(store.tenant(tenant).orElseThrow(), id);
            }
            events.forget(id);
            store.deleteSession(tenant, id);
        }
        audit.record(tenant.value(), "session.deleted", Map.of("session", id.toString()));
    }

    private void forget(Tenant tenant, SessionId id) {
        List<String> command = List.of("/bin/sh", "-c", FORGET, "forget", id.toString());
        ExecRequest request =
                new ExecRequest(tenant, "session-delete", command, new byte[0], Map.of(), "", Duration.ofMinutes(1));
        try (Exec exec = execs.start(request)) {
            while (exec.result().isEmpty()) {
                exec.poll(Duration.ofSeconds(1));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public Session fork(Principal principal, SessionId id) {
        TenantId tenant = principal.tenant().id();
        get(tenant, id);
        // A turn that runs would be cut in half.
        try (SessionLocks.Held held = locks.acquire(id)) {
            Session parent = get(tenant, id);
            // A session without a conversation gives its fork nothing to begin with.
            Optional<SessionId> from = parent.started() ? Optional.of(id) : Optional.empty();
            return registry.create(tenant, parent.title(), parent.model(), parent.system(), from);
        }
    }

    @Override
    public EventFeed events(TenantId tenant, SessionId id, long after) {
        get(tenant, id);
        EventFeed feed = events.feed(id, after);
        return new EventFeed() {
            @Override
            public Optional<SessionEvent> poll(Duration timeout) throws InterruptedException {
                Optional<SessionEvent> event = feed.poll(timeout);
                if (event.isEmpty()) {
                    get(tenant, id);
                }
                return event;
            }

            @Override
            public void close() {
                feed.close();
            }
        };
    }
}
