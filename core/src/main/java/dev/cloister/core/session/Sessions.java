package dev.cloister.core.session;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.TenantId;
import java.util.List;
import java.util.Optional;

/**
 * A tenant's conversations. Thread-safe. A session of another tenant is treated as one that does not exist: every method
 * that names a session throws NOT_FOUND for it.
 */
public interface Sessions {
    /** @throws CloisterException NOT_FOUND for a model that is not allowed, RATE_LIMITED at the tenant's limit of sessions */
    Session create(Principal principal, NewSession request);

    /** Newest first, at most {@code limit}. {@code after} continues behind that session of an earlier page. */
    List<Session> list(TenantId tenant, Optional<SessionId> after, int limit);

    Session get(TenantId tenant, SessionId id);

    /** Deletes it with its events and its transcript. @throws CloisterException CONFLICT while a turn of it runs */
    void delete(TenantId tenant, SessionId id);

    /** A new session that begins with the conversation of {@code id}. @throws CloisterException CONFLICT while a turn of it runs */
    Session fork(Principal principal, SessionId id);

    /** Its events with {@code seq} greater than {@code after}. The caller closes the feed. */
    EventFeed events(TenantId tenant, SessionId id, long after);
}
