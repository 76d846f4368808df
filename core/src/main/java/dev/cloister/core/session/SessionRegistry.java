package dev.cloister.core.session;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.TenantId;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Where sessions come into being, whoever asks for one. Thread-safe. */
public final class SessionRegistry {
    private final SessionStore store;
    private final Audit audit;
    private final Clock clock;
    private final int perTenant;

    public SessionRegistry(SessionStore store, Audit audit, Clock clock, int perTenant) {
        this.store = store;
        this.audit = audit;
        this.clock = clock;
        this.perTenant = perTenant;
    }

    /** @throws CloisterException RATE_LIMITED at the tenant's limit */
    public Session create(
            SessionId id, TenantId tenant, String title, String model, String system, Optional<SessionId> forkedFrom) {
        if (store.sessions(tenant, Optional.empty(), perTenant).size() >= perTenant) {
            throw new CloisterException(
                    ErrorCode.RATE_LIMITED,
                    "you have " + perTenant
                            + " sessions, which is the limit; delete some with DELETE /v1/sessions/{id}");
        }
        long now = clock.millis();
        // A fork begins with a conversation.
        boolean started = forkedFrom.isPresent();
        Session session = new Session(id, tenant, title, model, system, forkedFrom, started, 0, now, now);
        store.insertSession(session);
        Map<String, Object> detail = new LinkedHashMap<>();
        detail.put("session", session.id().toString());
        forkedFrom.ifPresent(parent -> detail.put("parent", parent.toString()));
        audit.record(tenant.value(), forkedFrom.isPresent() ? "session.forked" : "session.created", detail);
        return session;
    }
}
