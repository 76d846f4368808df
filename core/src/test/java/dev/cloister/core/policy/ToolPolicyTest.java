package dev.cloister.core.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.CloisterConfig.PolicyPreset;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class ToolPolicyTest {
    private static ToolPolicy policy(PolicyPreset preset) {
        return ToolPolicy.of(new CloisterConfig.Policy(preset, List.of(), List.of()));
    }

    @ParameterizedTest
    @EnumSource(PolicyPreset.class)
    void everyPresetKeepsTheAgentFromWhereProcessesShowTheirSecrets(PolicyPreset preset) {
        assertThat(policy(preset).deny())
                .contains("Read(//proc/**)", "Edit(//proc/**)", "Read(//sys/**)", "Edit(//sys/**)");
    }

    @ParameterizedTest
    @EnumSource(PolicyPreset.class)
    void everyPresetRefusesWhatItDoesNotAllow(PolicyPreset preset) {
        JsonNode settings = policy(preset).settings();
        assertThat(settings.path("permissions").path("defaultMode").asString()).isEqualTo("dontAsk");
        // Rules that ask would defeat those that deny.
        assertThat(settings.path("permissions").has("ask")).isFalse();
        assertThat(settings.path("permissions")
                        .path("disableBypassPermissionsMode")
                        .stringValue())
                .isEqualTo("disable");
        assertThat(settings.path("disableAllHooks").booleanValue()).isTrue();
        assertThat(settings.path("includeGitInstructions").booleanValue(true)).isFalse();
    }

    @ParameterizedTest
    @EnumSource(PolicyPreset.class)
    void theSettingsHoldTheRules(PolicyPreset preset) {
        ToolPolicy policy = policy(preset);
        JsonNode permissions = policy.settings().path("permissions");
        assertThat(permissions.path("allow").valueStream().map(JsonNode::asString))
                .containsExactlyElementsOf(policy.allow());
        assertThat(permissions.path("deny").valueStream().map(JsonNode::asString))
                .containsExactlyElementsOf(policy.deny());
    }

    @Test
    void thePresetsDifferInWhatTheAgentMayRun() {
        assertThat(policy(PolicyPreset.STRICT).allow()).doesNotContain("Bash").contains("Bash(git status:*)");
        assertThat(policy(PolicyPreset.STRICT).deny()).contains("Bash(ps:*)");
        assertThat(policy(PolicyPreset.BALANCED).allow()).containsExactly("Bash", "Read(./**)", "Edit(./**)");
        assertThat(policy(PolicyPreset.OPEN).tools()).contains("WebFetch", "Task");
        assertThat(policy(PolicyPreset.OPEN).allow())
                .containsAll(policy(PolicyPreset.OPEN).tools());
        assertThat(policy(PolicyPreset.BALANCED).tools()).doesNotContain("WebFetch", "Task");
    }

    @Test
    void theOperatorsRulesAreAddedOnceEach() {
        ToolPolicy policy = ToolPolicy.of(new CloisterConfig.Policy(
                PolicyPreset.BALANCED, List.of("Bash", "WebFetch(domain:example.org)"), List.of("Bash(rm:*)")));
        assertThat(policy.allow()).containsExactly("Bash", "Read(./**)", "Edit(./**)", "WebFetch(domain:example.org)");
        assertThat(policy.deny()).endsWith("Bash(rm:*)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"Bash", "Read(./docs/**)", "Bash(git log:*)", "WebFetch(domain:example.org)"})
    void goodRules(String rule) {
        assertThatCode(() -> new ToolPolicy(List.of(), List.of(rule), List.of(rule)))
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "bash",
                "Bash()",
                "Bash(",
                "Bash)x",
                "Bash(a)(b)",
                "Bash(a\nb)",
                "Bash, Read",
                "*",
                "Web_Fetch",
                "Bash(a(b)c)",
                "Bash(\ud800)"
            })
    void badRulesNameTheirKey(String rule) {
        assertThatThrownBy(() -> new ToolPolicy(List.of(), List.of(rule), List.of()))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST))
                .hasMessageStartingWith("policy.allow:");
        assertThatThrownBy(() -> new ToolPolicy(List.of(), List.of(), List.of(rule)))
                .hasMessageStartingWith("policy.deny:");
    }
}
