package dev.cloister.core.agent;

import dev.cloister.core.upstream.Credential;

/**
 * How an agent is started for a session.
 *
 * @param system the caller's system prompt; empty if none
 * @param credentialKind of which kind the dummy is that it sees
 */
public record AgentStart(Conversation conversation, String model, String system, Credential.Kind credentialKind) {

    /** Whether an agent that was started so is what this start would give: it has the conversation already. */
    boolean isMetBy(AgentStart earlier) {
        return conversation.id().equals(earlier.conversation.id())
                && model.equals(earlier.model)
                && system.equals(earlier.system)
                && credentialKind == earlier.credentialKind;
    }
}
