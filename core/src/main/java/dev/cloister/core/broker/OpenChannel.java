package dev.cloister.core.broker;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.quota.RequestBudget;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.time.Clock;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The state of one session's socket. Thread-safe. */
final class OpenChannel {
    /** The agent and its sub-agents stay far below this; it bounds what a hostile tool can hold in memory. */
    private static final int MOST_CALLS_AT_ONCE = 16;

    /** Each report is a durable write, so a tool that knocks in a loop is only counted after these. */
    private static final int REPORTS_PER_MINUTE = 10;

    private final BrokerSession session;
    private final SecretGuard guard;
    private final RequestBudget requests;
    private final RequestBudget reports;
    private final Set<RunningCall> calls = new HashSet<>();
    private UsageTotals used;
    private @Nullable CloisterException lastFailure;
    private boolean closed;

    OpenChannel(BrokerSession session, int requestsPerMinute, Clock clock) {
        this.session = session;
        this.guard = new SecretGuard(session.credential());
        this.requests = new RequestBudget(requestsPerMinute, clock);
        this.reports = new RequestBudget(REPORTS_PER_MINUTE, clock);
        this.used = new UsageTotals(
                session.models().isEmpty() ? "" : session.models().getFirst(), 0, 0, 0, 0, 0, 0);
    }

    BrokerSession session() {
        return session;
    }

    SecretGuard guard() {
        return guard;
    }

    RequestBudget requests() {
        return requests;
    }

    RequestBudget reports() {
        return reports;
    }

    /** Empty if the channel is closed or too many calls run. */
    synchronized Optional<RunningCall> begin() {
        if (closed || calls.size() >= MOST_CALLS_AT_ONCE) {
            return Optional.empty();
        }
        RunningCall call = new RunningCall();
        calls.add(call);
        return Optional.of(call);
    }

    void end(RunningCall call) {
        synchronized (this) {
            calls.remove(call);
        }
        call.close();
    }

    /** Lets no new call begin and cuts those that run. */
    void cutAll() {
        List<RunningCall> running;
        synchronized (this) {
            closed = true;
            running = List.copyOf(calls);
        }
        running.forEach(RunningCall::cut);
    }

    synchronized void add(UsageRecord more) {
        used = new UsageTotals(
                more.model(),
                used.calls() + 1,
                used.inputTokens() + more.inputTokens(),
                used.outputTokens() + more.outputTokens(),
                used.cacheWriteTokens() + more.cacheWriteTokens(),
                used.cacheReadTokens() + more.cacheReadTokens(),
                used.costMicros() + more.costMicros());
    }

    synchronized UsageTotals used() {
        return used;
    }

    synchronized void failed(CloisterException failure) {
        lastFailure = failure;
    }

    synchronized void succeeded() {
        lastFailure = null;
    }

    synchronized Optional<CloisterException> lastFailure() {
        return Optional.ofNullable(lastFailure);
    }
}
