package dev.cloister.core.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GitSettingsTest {
    private static final List<Map.Entry<String, String>> TWO = List.of(Map.entry("a.b", "1"), Map.entry("c.d", "2"));

    @Test
    void thoseThatAreThereStay() {
        Map<String, String> own = Map.of(
                "GIT_CONFIG_COUNT", "1", "GIT_CONFIG_KEY_0", "core.fsmonitor", "GIT_CONFIG_VALUE_0", "false", "X", "y");
        assertThat(GitSettings.added(own, TWO))
                .isEqualTo(Map.of(
                        "GIT_CONFIG_COUNT", "3",
                        "GIT_CONFIG_KEY_0", "core.fsmonitor",
                        "GIT_CONFIG_VALUE_0", "false",
                        "GIT_CONFIG_KEY_1", "a.b",
                        "GIT_CONFIG_VALUE_1", "1",
                        "GIT_CONFIG_KEY_2", "c.d",
                        "GIT_CONFIG_VALUE_2", "2",
                        "X", "y"));
    }

    @Test
    void withoutAnyTheyAreTheFirst() {
        assertThat(GitSettings.added(Map.of(), TWO))
                .containsEntry("GIT_CONFIG_COUNT", "2")
                .hasSize(5);
        assertThat(GitSettings.added(Map.of("X", "y"), List.of())).isEqualTo(Map.of("X", "y"));
    }

    @Test
    void aCountThatIsNoneIsTheTenantsAffair() {
        Map<String, String> odd = Map.of("GIT_CONFIG_COUNT", "-1; rm");
        assertThat(GitSettings.added(odd, TWO)).isEqualTo(odd);
    }
}
