package dev.cloister.core.broker;

import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.Upstream;
import java.util.List;

/**
 * What the broker knows of a session while its socket is open.
 *
 * @param models the models it may call, exact names
 * @param credential the real one; leaves the server only towards the upstream
 */
public record BrokerSession(
        TenantId tenant, SessionId session, List<String> models, Credential credential, Upstream upstream) {
    public BrokerSession {
        models = List.copyOf(models);
    }
}
