package dev.cloister.core.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.ProcessSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class AgentPlanTest {
    private static final SessionId SESSION = SessionId.parse("11111111-2222-4333-8444-555555555555");

    private static AgentPlan plan(Conversation conversation, Credential.Kind kind, Optional<String> systemPrompt) {
        return new AgentPlan(
                "/opt/agent",
                conversation,
                "model-1",
                new ToolPolicy(List.of("Bash", "Read"), List.of("Bash"), List.of()),
                kind,
                "/run/share/api",
                "/run/share/settings.json",
                systemPrompt,
                42,
                3);
    }

    private static ProcessSpec spec(Conversation conversation) {
        return plan(conversation, Credential.Kind.API_KEY, Optional.empty()).processSpec("/w");
    }

    private static List<String> after(ProcessSpec spec, String flag, int count) {
        int at = spec.command().indexOf(flag);
        assertThat(at).as(flag).isPositive();
        return spec.command().subList(at + 1, at + 1 + count);
    }

    @Test
    void nothingOfTheWorkspaceConfiguresTheAgent() {
        ProcessSpec spec = spec(new Conversation.Fresh(SESSION));
        assertThat(spec.command().getFirst()).isEqualTo("/opt/agent");
        assertThat(after(spec, "--setting-sources", 1)).containsExactly("");
        assertThat(spec.command()).contains("--strict-mcp-config", "--disable-slash-commands");
        assertThat(after(spec, "--settings", 1)).containsExactly("/run/share/settings.json");
        assertThat(after(spec, "--tools", 1)).containsExactly("Bash,Read");
        assertThat(spec.cwd()).isEqualTo("/w");
    }

    @Test
    void theAgentSpeaksTheLineProtocolWithinBounds() {
        ProcessSpec spec = spec(new Conversation.Fresh(SESSION));
        assertThat(spec.command()).contains("--print", "--verbose", "--include-partial-messages");
        assertThat(after(spec, "--input-format", 1)).containsExactly("stream-json");
        assertThat(after(spec, "--output-format", 1)).containsExactly("stream-json");
        assertThat(after(spec, "--max-turns", 1)).containsExactly("42");
        assertThat(after(spec, "--model", 1)).containsExactly("model-1");
    }

    @ParameterizedTest
    @CsvSource({
        "ANTHROPIC_UNIX_SOCKET,/run/share/api",
        "ANTHROPIC_BASE_URL,http://broker.internal",
        "ANTHROPIC_SMALL_FAST_MODEL,model-1",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL,model-1",
        "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS,1",
        "CLAUDE_CODE_DISABLE_ATTACHMENTS,1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC,1",
        "DISABLE_AUTOUPDATER,1",
        "CLAUDE_CODE_MAX_RETRIES,3",
        "CLAUDE_CODE_EAGER_FLUSH,1",
        "GIT_CONFIG_COUNT,1",
        "GIT_CONFIG_KEY_0,core.fsmonitor",
        "GIT_CONFIG_VALUE_0,false"
    })
    void theEnvironmentKeepsTheAgentToItsWork(String name, String value) {
        assertThat(spec(new Conversation.Fresh(SESSION)).env()).containsEntry(name, value);
    }

    @ParameterizedTest
    @EnumSource(Credential.Kind.class)
    void thePlaceholderIsOfTheCredentialsKindAndThereIsOnlyOne(Credential.Kind kind) {
        String wanted = switch (kind) {
            case API_KEY -> "ANTHROPIC_API_KEY";
            case OAUTH -> "CLAUDE_CODE_OAUTH_TOKEN";
            case BEARER -> "ANTHROPIC_AUTH_TOKEN";
        };
        Map<String, String> env = plan(new Conversation.Fresh(SESSION), kind, Optional.empty())
                .processSpec("/w")
                .env();
        assertThat(env.keySet())
                .filteredOn(name -> name.endsWith("_KEY") || name.endsWith("TOKEN"))
                .containsExactly(wanted);
        assertThat(env.get(wanted)).endsWith("replaced-by-the-broker");
    }

    @Test
    void theFirstTurnNamesTheSessionAndALaterOneResumesIt() {
        ProcessSpec fresh = spec(new Conversation.Fresh(SESSION));
        assertThat(after(fresh, "--session-id", 1)).containsExactly(SESSION.toString());
        assertThat(fresh.command()).doesNotContain("--resume", "--fork-session");
        ProcessSpec resumed = spec(new Conversation.Resumed(SESSION));
        assertThat(after(resumed, "--resume", 1)).containsExactly(SESSION.toString());
        assertThat(resumed.command()).doesNotContain("--session-id", "--fork-session");
    }

    @Test
    void aSystemPromptIsAFileBecauseArgumentsAreSeenByAll() {
        AgentPlan plan = plan(new Conversation.Fresh(SESSION), Credential.Kind.API_KEY, Optional.of("/run/share/s.md"));
        assertThat(after(plan.processSpec("/w"), "--append-system-prompt-file", 1))
                .containsExactly("/run/share/s.md");
        assertThat(spec(new Conversation.Fresh(SESSION)).command()).doesNotContain("--append-system-prompt-file");
    }

    @Test
    void theSamePlanIsTheSameProcess() {
        assertThat(spec(new Conversation.Fresh(SESSION))).isEqualTo(spec(new Conversation.Fresh(SESSION)));
    }
}
