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

    /** But for the server's death, which an attack would not survive: the end-to-end tests kill it. */
    @Test
    void everyPromiseIsAttacked() {
        Set<Guarantee> elsewhere = EnumSet.of(Guarantee.PROCESSES_END_WITH_SERVER);
        assertThat(ATTACKS.stream().map(Attack::guarantee).collect(Collectors.toSet()))
                .isEqualTo(EnumSet.complementOf(EnumSet.copyOf(elsewhere)));
    }

    @Test
    void noAttackIsGivenASecretOrEndsWhatItDoesNotKnow() {
        assertThat(ATTACKS)
                .extracting(attack -> attack.means().toString())
                .noneMatch(text ->
                        text.contains("kill -9 -1") || text.contains("kill -KILL -1") || text.contains("reboot"));
    }
}
