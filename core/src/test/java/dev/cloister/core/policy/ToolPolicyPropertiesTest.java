package dev.cloister.core.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One invalid value would make the agent drop all rules in silence: what is rendered is what was meant, or nothing is. */
class ToolPolicyPropertiesTest {
    private static List<String> read(JsonNode rules) {
        List<String> read = new ArrayList<>();
        rules.forEach(rule -> read.add(rule.asString()));
        return read;
    }

    @Provide
    Arbitrary<List<String>> rules() {
        Arbitrary<String> pattern = Arbitraries.strings()
                .withCharRange(' ', '~')
                .withChars('"', '\\', '(', ')', '\n', 'ü', '\u202e', ',')
                .ofMinLength(1)
                .ofMaxLength(30);
        Arbitrary<String> rule = Arbitraries.oneOf(
                Arbitraries.of("Bash", "Read", "Edit", "WebFetch"),
                pattern.map(text -> "Bash(" + text + ")"),
                pattern.map(text -> "Read(//" + text + ")"),
                pattern);
        return rule.list().ofMaxSize(5);
    }

    @Property
    void acceptedRulesReadBackAsTheyWereAndOnTheirSide(
            @ForAll("rules") List<String> allow,
            @ForAll("rules") List<String> deny,
            @ForAll CloisterConfig.PolicyPreset preset) {
        ToolPolicy policy;
        try {
            policy = ToolPolicy.of(new CloisterConfig.Policy(preset, allow, deny));
        } catch (CloisterException refused) {
            assertThat(refused.getMessage()).containsAnyOf("policy.allow", "policy.deny");
            return;
        }
        JsonNode permissions =
                JsonMapper.shared().readTree(policy.settings().toString()).path("permissions");
        assertThat(read(permissions.path("allow"))).isEqualTo(policy.allow()).containsAll(allow);
        assertThat(read(permissions.path("deny")))
                .isEqualTo(policy.deny())
                .containsAll(deny)
                .contains("Read(//proc/**)", "Edit(//sys/**)");
        assertThat(permissions.path("defaultMode").asString()).isEqualTo("dontAsk");
        assertThat(policy.settings().path("disableAllHooks").asBoolean()).isTrue();
        // No rule can hold what ends it and begins another.
        assertThat(policy.allow()).noneMatch(rule -> rule.chars().anyMatch(Character::isISOControl));
    }
}
