package dev.cloister.core.broker;

import dev.cloister.core.quota.RequestBudget;
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
    private final RequestBudget requests;
    private final RequestBudget reports;
    private final Set<RunningCall> calls = new HashSet<>();
    private @Nullable ServedTurn last;
    private boolean serving;

    OpenChannel(BrokerSession session, int requestsPerMinute, Clock clock) {
        this.session = session;
        this.requests = new RequestBudget(requestsPerMinute, clock);
        this.reports = new RequestBudget(REPORTS_PER_MINUTE, clock);
    }

    BrokerSession session() {
        return session;
    }

    RequestBudget requests() {
        return requests;
    }

    RequestBudget reports() {
        return reports;
    }

    synchronized void serve(BrokerTurn turn) {
        last = new ServedTurn(turn);
        serving = true;
    }

    /** Lets no new call begin and cuts those that run. */
    void rest() {
        List<RunningCall> running;
        synchronized (this) {
            serving = false;
            running = List.copyOf(calls);
        }
        running.forEach(RunningCall::cut);
    }

    /** The turn that is served now. */
    synchronized Optional<ServedTurn> serving() {
        return serving ? Optional.ofNullable(last) : Optional.empty();
    }

    /** The turn that was served last, or is now. */
    synchronized Optional<ServedTurn> last() {
        return Optional.ofNullable(last);
    }

    /** Empty if the turn is over or too many calls run. */
    synchronized Optional<RunningCall> begin(ServedTurn turn) {
        if (!serving || turn != last || calls.size() >= MOST_CALLS_AT_ONCE) {
            return Optional.empty();
        }
        RunningCall call = new RunningCall(turn);
        calls.add(call);
        return Optional.of(call);
    }

    void end(RunningCall call) {
        synchronized (this) {
            calls.remove(call);
        }
        call.close();
    }
}
