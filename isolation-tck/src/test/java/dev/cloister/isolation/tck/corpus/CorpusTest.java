package dev.cloister.isolation.tck.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Sign;
import dev.cloister.spi.Guarantee;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class CorpusTest {
    private static final List<Attack> ATTACKS = Corpus.attacks();

    @Test
    void everyAttackHasANameOfItsOwn() {
        assertThat(ATTACKS)
                .extracting(Attack::id)
                .doesNotHaveDuplicates()
                .allMatch(id -> id.matches("[a-z]+(-[a-z]+)+"));
        assertThat(ATTACKS).hasSizeGreaterThan(150);
    }

    @Test
    void everyFamilyAndSignIsTried() {
        assertThat(ATTACKS.stream().map(Attack::family).collect(Collectors.toSet()))
                .isEqualTo(EnumSet.allOf(Family.class));
        assertThat(ATTACKS.stream().map(Attack::sign).collect(Collectors.toSet()))
                .isEqualTo(EnumSet.allOf(Sign.class));
    }

    /** The others are about the agent and the server, which code in a sandbox cannot attack alone. */
    @Test
    void everyPromiseAboutASandboxIsAttacked() {
        Set<Guarantee> elsewhere = EnumSet.of(
                Guarantee.CREDENTIAL_NEVER_INSIDE,
                Guarantee.WORKSPACE_CODE_NOT_RUN,
                Guarantee.TOOL_POLICY_ENFORCED,
                Guarantee.PROCESSES_END_WITH_SERVER);
        assertThat(ATTACKS.stream().map(Attack::guarantee).collect(Collectors.toSet()))
                .isEqualTo(EnumSet.complementOf(EnumSet.copyOf(elsewhere)));
    }

    @Test
    void noAttackIsGivenASecretOrEndsWhatItDoesNotKnow() {
        assertThat(ATTACKS)
                .extracting(Attack::text)
                .noneMatch(text ->
                        text.contains("kill -9 -1") || text.contains("kill -KILL -1") || text.contains("reboot"));
    }
}
