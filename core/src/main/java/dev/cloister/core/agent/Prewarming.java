package dev.cloister.core.agent;

import dev.cloister.core.config.CloisterConfig.Prewarm;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionAgents;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.session.SessionStore;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.TenantId;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Starts agents ahead of the turns that are to be expected. With {@code session}, when a session is opened; with
 * {@code tenant}, for a tenant that is seen, too: its agent waits under the id that the tenant's next new session gets.
 * Thread-safe.
 */
public final class Prewarming implements SessionAgents {
    private static final Duration BETWEEN_TRIES = Duration.ofSeconds(10);
    private static final int MOST_REMEMBERED = 10_000;

    private final Prewarm mode;
    private final Agents agents;
    private final SessionStore store;
    private final Optional<String> usualModel;
    private final Clock clock;
    private final Map<TenantId, AgentStart> spares = new LinkedHashMap<>();
    /** When a spare agent was last thought of, so that one that cannot be had is not asked for at every request. */
    private final Map<TenantId, Long> tries = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<TenantId, Long> eldest) {
            return size() > MOST_REMEMBERED;
        }
    };

    /** @param usualModel for tenants that had no session yet; empty: they get no agent ahead of their first */
    public Prewarming(Prewarm mode, Agents agents, SessionStore store, Optional<String> usualModel, Clock clock) {
        this.mode = mode;
        this.agents = agents;
        this.store = store;
        this.usualModel = usualModel;
        this.clock = clock;
    }

    private static AgentStart start(Principal principal, Session session) {
        return new AgentStart(
                Conversation.of(session),
                session.model(),
                session.system(),
                principal.upstreamCredential().kind());
    }

    @Override
    public SessionId newId(Principal principal, String model, String system) {
        @Nullable AgentStart spare;
        synchronized (this) {
            spare = spares.remove(principal.tenant().id());
            tries.remove(principal.tenant().id());
        }
        if (spare == null) {
            return SessionId.random();
        }
        AgentStart wanted = new AgentStart(
                spare.conversation(),
                model,
                system,
                principal.upstreamCredential().kind());
        if (agents.waits(wanted)) {
            return spare.conversation().id();
        }
        SessionId useless = spare.conversation().id();
        Thread.ofVirtual().name("agent-spare-" + useless).start(() -> agents.forget(useless));
        return SessionId.random();
    }

    @Override
    public void opened(Principal principal, Session session) {
        if (mode != Prewarm.NONE && !session.model().isEmpty()) {
            agents.ahead(principal.tenant(), start(principal, session))
                    .ifPresent(starting -> aside("agent-ahead-" + session.id(), starting));
        }
    }

    @Override
    public void forget(SessionId session) {
        agents.forget(session);
    }

    /** A tenant made a request. Returns at once. */
    public void seen(Principal principal) {
        if (mode != Prewarm.TENANT) {
            return;
        }
        TenantId tenant = principal.tenant().id();
        synchronized (this) {
            @Nullable AgentStart spare = spares.get(tenant);
            long now = clock.millis();
            @Nullable Long last = tries.get(tenant);
            if (spare != null && agents.waits(spare) || last != null && now - last < BETWEEN_TRIES.toMillis()) {
                return;
            }
            spares.remove(tenant);
            tries.put(tenant, now);
        }
        aside("agent-spare-" + tenant, () -> startSpare(principal));
    }

    /** A start takes until the agent has answered, and the requests that lead to it do not wait for that. */
    private static void aside(String name, Runnable task) {
        Thread.ofPlatform().daemon(true).name(name).start(task);
    }

    private void startSpare(Principal principal) {
        TenantId tenant = principal.tenant().id();
        Optional<String> model = store.sessions(tenant, Optional.empty(), 1).stream()
                .map(Session::model)
                .filter(name -> !name.isEmpty())
                .findFirst()
                .or(() -> usualModel);
        if (model.isEmpty()) {
            return;
        }
        AgentStart spare = new AgentStart(
                new Conversation.Fresh(SessionId.random()),
                model.get(),
                "",
                principal.upstreamCredential().kind());
        agents.ahead(principal.tenant(), spare).ifPresent(starting -> {
            synchronized (this) {
                spares.put(tenant, spare);
            }
            starting.run();
        });
    }
}
