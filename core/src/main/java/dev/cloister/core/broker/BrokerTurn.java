package dev.cloister.core.broker;

import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.Upstream;
import java.util.List;

/**
 * What a session's socket may be used for while one turn runs.
 *
 * @param models the models it may call, exact names
 * @param credential the real one; leaves the server only towards the upstream
 */
public record BrokerTurn(List<String> models, Credential credential, Upstream upstream) {
    public BrokerTurn {
        models = List.copyOf(models);
    }
}
