package dev.cloister.core.agent;

import dev.cloister.core.policy.ToolPolicy;

/**
 * What is the same for every run of the agent.
 *
 * @param executable the agent's program
 * @param version the version that Cloister was made for and insists on
 */
public record AgentSettings(String executable, String version, ToolPolicy policy, int maxTurns, int upstreamRetries) {
    /** The version whose behaviour is known; another may ignore what keeps this one in bounds. */
    public static final String PINNED_VERSION = "2.1.197";
}
