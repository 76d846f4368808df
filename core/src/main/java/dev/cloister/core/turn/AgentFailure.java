package dev.cloister.core.turn;

import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;

/** What a failure of the agent itself means for the caller. Pure. */
final class AgentFailure {
    private static final int MAX_TEXT = 500;

    private AgentFailure() {}

    static CloisterException outOfMemory() {
        return new CloisterException(
                ErrorCode.AGENT_FAILED,
                "the agent was ended because the tenant's memory limit (isolation.memory) was reached. Send a further"
                        + " message that asks for smaller steps, such as fewer processes at once; if it needs the memory,"
                        + " the operator has to raise the limit");
    }

    /** For a result that says it failed, where the upstream did not say why already. */
    static CloisterException of(AgentEvent.Result result) {
        String text = result.text();
        if (text.startsWith("Prompt is too long")) {
            // The agent's own count, made before it asks the upstream. The words are those of the Messages API.
            return CloisterException.invalid("prompt is too long: the conversation does not fit the model's context."
                    + " Put long text into a file of the workspace, and go on in a new session");
        }
        return new CloisterException(
                ErrorCode.AGENT_FAILED,
                "the agent failed: " + (text.length() > MAX_TEXT ? text.substring(0, MAX_TEXT) + "…" : text));
    }
}
