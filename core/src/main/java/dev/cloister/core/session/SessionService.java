package dev.cloister.core.session;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.exec.Exec;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.exec.Execs;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.TenantStore;
import dev.cloister.spi.ExitStatus;
import java.time.Duration;
import java.util.ArrayList;
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

    /**
     * Gives a fork a transcript of its own, as its parent stands now: later turns of the parent are not the fork's, and the
     * parent may be deleted. What the transcript says of the parent by its id, such as where large outputs stand, becomes the
     * fork's.
     */
    private static final String FORK = """
            set -eu
            for transcript in "$HOME"/.claude/projects/*/"$1".jsonl; do
                project=${transcript%/*}
                sed "s/$1/$2/g" < "$transcript" > "$project/$2.jsonl"
                if [ -d "$project/$1" ]; then cp -R -- "$project/$1" "$project/$2"; fi
            done
            """;

    private final SessionStore store;
    private final TenantStore tenants;
    private final SessionRegistry registry;
    private final EventLogs events;
    private final SessionLocks locks;
    private final SessionAgents agents;
    private final ModelAllowList models;
    private final Execs execs;
    private final Audit audit;

    public SessionService(
            SessionStore store,
            TenantStore tenants,
            SessionRegistry registry,
            EventLogs events,
            SessionLocks locks,
            SessionAgents agents,
            ModelAllowList models,
            Execs execs,
            Audit audit) {
        this.store = store;
        this.tenants = tenants;
        this.registry = registry;
        this.events = events;
        this.locks = locks;
        this.agents = agents;
        this.models = models;
        this.execs = execs;
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
                tidy(tenants.tenant(tenant).orElseThrow(), "session-delete", FORGET, List.of(id.toString()));
            }
            events.forget(id);
            store.deleteSession(tenant, id);
        }
        audit.record(tenant.value(), "session.deleted", Map.of("session", id.toString()));
    }

    /** Runs a script on the agent's own files. Says whether it did all that it should. */
    private boolean tidy(Tenant tenant, String what, String script, List<String> ids) {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, what));
        command.addAll(ids);
        ExecRequest request = new ExecRequest(tenant, what, command, new byte[0], Map.of(), "", Duration.ofMinutes(1));
        try (Exec exec = execs.start(request)) {
            while (exec.result().isEmpty()) {
                exec.poll(Duration.ofSeconds(1));
            }
            return exec.result().get().status() instanceof ExitStatus.Exited(int code) && code == 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
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
            List<String> ids = List.of(id.toString(), fork.id().toString());
            if (!tidy(tenants.tenant(tenant).orElseThrow(), "session-fork", FORK, ids)) {
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
