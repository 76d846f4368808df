package dev.cloister.core.agent;

import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.ProcessSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How the agent is started for one turn. Pure.
 *
 * @param executable the agent's program, as the sandbox sees it
 * @param socket the broker's socket, as the sandbox sees it
 * @param settingsFile the rendered policy, as the sandbox sees it
 * @param systemPromptFile the caller's system prompt; a file because arguments can be seen by every process of the host
 */
public record AgentPlan(
        String executable,
        Conversation conversation,
        String model,
        ToolPolicy policy,
        Credential.Kind credentialKind,
        String socket,
        String settingsFile,
        Optional<String> systemPromptFile,
        int maxTurns,
        int upstreamRetries) {

    /** What the sandbox sees in the place of the credential. Of the same kind, so that the agent sends the same headers. */
    private static Map<String, String> dummy(Credential.Kind kind) {
        return switch (kind) {
            case API_KEY -> Map.of("ANTHROPIC_API_KEY", "sk-ant-api03-replaced-by-the-broker");
            case OAUTH -> Map.of("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-replaced-by-the-broker");
            case BEARER -> Map.of("ANTHROPIC_AUTH_TOKEN", "replaced-by-the-broker");
        };
    }

    public ProcessSpec processSpec(String workingDirectory) {
        List<String> command = new ArrayList<>(List.of(
                executable,
                "--print",
                "--input-format",
                "stream-json",
                "--output-format",
                "stream-json",
                "--verbose",
                "--include-partial-messages",
                // Nothing that the workspace or HOME brings may configure the agent or run at its start.
                "--setting-sources",
                "",
                "--strict-mcp-config",
                "--disable-slash-commands",
                "--tools",
                String.join(",", policy.tools()),
                "--settings",
                settingsFile,
                "--model",
                model,
                "--max-turns",
                Integer.toString(maxTurns)));
        command.addAll(conversation.arguments());
        systemPromptFile.ifPresent(file -> command.addAll(List.of("--append-system-prompt-file", file)));

        Map<String, String> environment = new TreeMap<>(dummy(credentialKind));
        environment.put("ANTHROPIC_UNIX_SOCKET", socket);
        environment.put("ANTHROPIC_BASE_URL", "http://broker.internal");
        // The agent's own side errands use the turn's model too: the broker allows no other.
        environment.put("ANTHROPIC_SMALL_FAST_MODEL", model);
        environment.put("ANTHROPIC_DEFAULT_HAIKU_MODEL", model);
        environment.put("CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS", "1");
        environment.put("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1");
        environment.put("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        environment.put("DISABLE_AUTOUPDATER", "1");
        // The transcript is written before the result is printed. Otherwise the agent writes it a moment later, and an
        // answer the client has seen is missing from its session if the machine stops in between.
        environment.put("CLAUDE_CODE_EAGER_FLUSH", "1");
        environment.put("CLAUDE_CODE_MAX_RETRIES", Integer.toString(upstreamRetries));
        // The agent gives its shells a socket for standard input, which a first-level bash takes for a remote login and
        // then runs HOME/.bashrc before every command.
        environment.put("SHLVL", "1");
        // A workspace's .git/config may name a program for git to run at every status.
        environment.put("GIT_CONFIG_COUNT", "1");
        environment.put("GIT_CONFIG_KEY_0", "core.fsmonitor");
        environment.put("GIT_CONFIG_VALUE_0", "false");
        return new ProcessSpec(command, environment, workingDirectory);
    }
}
