package dev.cloister.core.turn;

import dev.cloister.core.agent.Agents;
import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.session.EventLogs;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionAgents;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.session.SessionLocks;
import dev.cloister.core.session.SessionRegistry;
import dev.cloister.core.session.Transcripts;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.upstream.Upstream;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;

/** Starts turns and knows those that run. */
public final class TurnService implements Turns, AutoCloseable {
    /** What every turn works with. */
    public record Parts(
            Store store,
            Sandboxes sandboxes,
            Agents agents,
            SessionAgents sessionAgents,
            Transcripts transcripts,
            Upstream upstream,
            EventLogs events,
            SessionLocks locks,
            SessionRegistry registry,
            Quota quota,
            ModelAllowList models,
            Audit audit,
            Violations violations,
            Metrics metrics,
            ScheduledExecutorService timer,
            Clock clock,
            Duration turnTimeout) {}

    private final Parts parts;
    private final Map<SessionId, RunningTurn> running = new ConcurrentHashMap<>();

    public TurnService(Parts parts) {
        this.parts = parts;
    }

    @Override
    public Turn start(TurnRequest request, Runnable stillWanted) {
        Principal principal = request.principal();
        TenantId tenant = principal.tenant().id();
        Optional<Session> known = request.session()
                .map(id -> parts.store()
                        .session(tenant, id)
                        .orElseThrow(() -> CloisterException.notFound("session_id: you have no session " + id
                                + "; leave session_id out to start a new one")));
        String model = request.model()
                .or(() -> known.map(Session::model).filter(name -> !name.isEmpty()))
                .orElseThrow(() -> CloisterException.invalid("model: say which model to use"));
        parts.models().require(model);

        Quota.Permit permit = parts.quota().take(tenant, stillWanted);
        try {
            return start(request, known, model, permit);
        } catch (RuntimeException e) {
            permit.close();
            throw e;
        }
    }

    private Turn start(TurnRequest request, Optional<Session> known, String model, Quota.Permit permit) {
        Principal principal = request.principal();
        SessionId id = known.map(Session::id)
                .orElseGet(() -> parts.sessionAgents()
                        .newId(principal, model, request.system().orElse("")));
        SessionLocks.Held lock = parts.locks().acquire(id);
        try {
            Agents.Place place = parts.agents().admit(principal.tenant(), id);
            try {
                RunningTurn turn =
                        new RunningTurn(parts, request, current(request, known, id, model), model, place, ended -> {
                            running.remove(id, ended);
                            lock.close();
                            permit.close();
                        });
                running.put(id, turn);
                turn.begin(lock::finishing);
                return turn;
            } catch (RuntimeException e) {
                place.close();
                throw e;
            }
        } catch (RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /** As it is now: the turn before may have started the conversation since. A new one comes into being only here. */
    private Session current(TurnRequest request, Optional<Session> known, SessionId id, String model) {
        TenantId tenant = request.principal().tenant().id();
        return known.isEmpty()
                ? parts.registry()
                        .create(id, tenant, "", model, request.system().orElse(""), Optional.empty())
                : parts.store()
                        .session(tenant, id)
                        .orElseThrow(() -> CloisterException.notFound("session_id: it was deleted meanwhile"));
    }

    @Override
    public boolean interrupt(TenantId tenant, SessionId session) {
        RunningTurn turn = running.get(session);
        if (turn == null || !turn.tenant().equals(tenant) || turn.isOver()) {
            return false;
        }
        turn.cancel("interrupted");
        return true;
    }

    /** Cancels every turn and waits until all are gone. */
    @Override
    public void close() {
        List<RunningTurn> left = List.copyOf(running.values());
        left.forEach(turn -> turn.cancel("the server is stopping"));
        left.forEach(RunningTurn::awaitGone);
    }
}
