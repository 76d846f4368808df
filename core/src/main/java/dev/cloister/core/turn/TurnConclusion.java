package dev.cloister.core.turn;

import dev.cloister.core.agent.AgentEnd;
import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.usage.UsageTotals;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What a run of the agent comes to. Decided by whether there is a result and whether that is an error: the agent's
 * {@code subtype} says "success" even when the upstream failed, and its exit code tells little.
 */
final class TurnConclusion {
    private static final String NOT_STARTED =
            "the agent did not start. Send the message again; if this stays so, something"
                    + " in the workspace is in its way: .git, and .claude and .claude.json in HOME, must be ordinary files and"
                    + " directories of ordinary size";

    private TurnConclusion() {}

    static TurnOutcome timedOut(Duration limit) {
        return failed(
                ErrorCode.TURN_TIMED_OUT,
                "the turn took longer than " + limit.toSeconds()
                        + " s and was stopped; send a further message to go on");
    }

    /**
     * @param upstreamFailure why the last model call failed, as the broker saw it; it knows more than the agent says
     * @param events gets the events that end a complete answer
     */
    static TurnOutcome of(
            AgentEnd end,
            Optional<CloisterException> upstreamFailure,
            MessageAssembler assembler,
            UsageTotals used,
            Consumer<MessageAssembler.Outgoing> events) {
        if (end.outOfMemory()) {
            return new TurnOutcome.Failed(AgentFailure.outOfMemory());
        }
        if (end.result().isEmpty()) {
            return upstreamFailure
                    .<TurnOutcome>map(TurnOutcome.Failed::new)
                    .orElseGet(() -> failed(
                            ErrorCode.AGENT_FAILED,
                            end.begun() ? "the agent ended without a result; send the message again" : NOT_STARTED));
        }
        AgentEvent.Result result = end.result().get();
        // Not a failure: the API has a word for an answer that can be gone on with.
        boolean paused = result.subtype().equals("error_max_turns");
        if (result.failed() && !paused) {
            return upstreamFailure
                    .<TurnOutcome>map(TurnOutcome.Failed::new)
                    .orElseGet(() -> new TurnOutcome.Failed(AgentFailure.of(result)));
        }
        if (assembler.hasOpenToolCalls() && !paused) {
            return failed(
                    ErrorCode.AGENT_FAILED, "the agent ended with a tool call unanswered; send the message again");
        }
        assembler.finish(result.text(), paused ? "pause_turn" : "", used).forEach(events);
        return new TurnOutcome.Completed(assembler.message(used));
    }

    private static TurnOutcome failed(ErrorCode code, String message) {
        return new TurnOutcome.Failed(new CloisterException(code, message));
    }
}
