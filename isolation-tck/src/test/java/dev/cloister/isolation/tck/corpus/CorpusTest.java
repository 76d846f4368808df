package dev.cloister.isolation.tck.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Need;
import dev.cloister.isolation.tck.PlainSandbox;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.isolation.tck.Sign;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
    void eachNeedIsSomeAttacksAndEachAttackHasOneAtMost() {
        List<String> needing = Stream.of(Need.values())
                .flatMap(need -> need.attacks().stream())
                .toList();
        assertThat(needing).doesNotHaveDuplicates();
        assertThat(ATTACKS).extracting(Attack::id).containsAll(needing);
    }

    /** Something every host allows, and the script knows every need by its name. */
    @Test
    void whatThisHostRefusesCanBeTried(@TempDir Path directory) throws Exception {
        SandboxTenant one = PlainSandbox.tenant(directory.resolve("a"), List.of());
        SandboxTenant none = PlainSandbox.tenant(directory.resolve("b"), List.of("/bin/false"));
        assertThat(Need.refusedTo(List.of(one)))
                .isNotEqualTo(EnumSet.allOf(Need.class))
                .isEqualTo(Need.refusedTo(List.of(one, none)));
        assertThatThrownBy(() -> Need.refusedTo(List.of(none))).isInstanceOf(IOException.class);
        try (InputStream script = Need.class.getResourceAsStream("needs.py")) {
            assertThat(new String(script.readAllBytes(), StandardCharsets.UTF_8))
                    .contains(Stream.of(Need.values())
                            .map(need -> "    \"" + need.name() + "\": ")
                            .toList());
        }
    }

    @Test
    void noAttackIsGivenASecretOrEndsWhatItDoesNotKnow() {
        assertThat(ATTACKS)
                .extracting(attack -> attack.means().toString())
                .noneMatch(text ->
                        text.contains("kill -9 -1") || text.contains("kill -KILL -1") || text.contains("reboot"));
    }
}
