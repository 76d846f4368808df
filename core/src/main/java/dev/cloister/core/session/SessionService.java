package dev.cloister.core.session;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.TenantStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A tenant's conversations, from the store. */
public final class SessionService implements Sessions {
    private final SessionStore store;
    private final TenantStore tenants;
    private final SessionRegistry registry;
    private final EventLogs events;
    private final SessionLocks locks;
    private final SessionAgents agents;
    private final ModelAllowList models;
    private final Transcripts transcripts;
    private final Audit audit;

    public SessionService(
            SessionStore store,
            TenantStore tenants,
            SessionRegistry registry,
            EventLogs events,
            SessionLocks locks,
            SessionAgents agents,
            ModelAllowList models,
            Transcripts transcripts,
            Audit audit) {
        this.store = store;
        this.tenants = tenants;
        this.registry = registry;
        this.events = events;
        this.locks = locks;
        this.agents = agents;
        this.models = models;
        this.transcripts = transcripts;
        this.audit = audit;
    }

    @Override
    public Session create(Principal principal, NewSession request) {
        if (!request.model().isEmpty()) {
            models.require(request.model());
        }
        Session session = registry.create(
                agents.newId(principal, request.model(), request.system()),
                principal.tenant().id(),
                request.title(),
                request.model(),
                request.system(),
                Optional.empty());
        agents.opened(principal, session);
        return session;
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
            agents.forget(id);
            if (session.started()) {
                // A fork's copy may stand without a turn; what cannot be removed is the tenant's own.
                transcripts.forget(tenants.tenant(tenant).orElseThrow(), id);
            }
            events.forget(id);
            store.deleteSession(tenant, id);
        }
        audit.record(tenant.value(), "session.deleted", Map.of("session", id.toString()));
    }

    @Override
    public Session fork(Principal principal, SessionId id) {
        TenantId tenant = principal.tenant().id();
        get(tenant, id);
        // A turn that runs would be cut in half.
        try (SessionLocks.Held held = locks.acquire(id)) {
            Session parent = get(tenant, id);
            if (!parent.started()) {
                // A session without a conversation gives its fork nothing to begin with.
                return registry.create(
                        SessionId.random(), tenant, parent.title(), parent.model(), parent.system(), Optional.empty());
            }
            Session fork = registry.create(
                    SessionId.random(), tenant, parent.title(), parent.model(), parent.system(), Optional.of(id));
            if (!transcripts.fork(tenants.tenant(tenant).orElseThrow(), id, fork.id())) {
                delete(tenant, fork.id());
                throw new CloisterException(
                        ErrorCode.CONFLICT,
                        "the conversation could not be copied: its transcript in .claude/projects of HOME is gone or"
                                + " changed, or the disk is full");
            }
            agents.opened(principal, fork);
            return fork;
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
