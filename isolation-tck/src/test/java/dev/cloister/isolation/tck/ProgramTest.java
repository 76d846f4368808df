package dev.cloister.isolation.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.tck.corpus.Corpus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs are made here, run elsewhere, and leave nothing. The build itself needs a compiler, so there is one. */
class ProgramTest {
    @TempDir
    private Path directory;

    @Test
    void aProgramRunsWithItsEnvironmentAndIsGoneAfterwards() throws Exception {
        SandboxTenant tenant = PlainSandbox.tenant(directory, List.of());
        String said = tenant.run(Language.C.command("""
                        static int attack(void) {
                          say(joined("<", variable("WORD"), variable("WOR")));
                          if (number("NUMBER") == 4711) say("number");
                          return 0;
                        }
                        """), Map.of("WORD", "a b>", "NUMBER", "4711"));
        assertThat(said).isEqualTo("<a b>\nnumber\n");
        try (Stream<Path> left = Files.list(tenant.work())) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void everyProgramOfTheCorpusCompilesAndFitsIntoAnArgument() {
        assertThat(Language.C.isUsable()).isTrue();
        List<Means.Code> programs = Corpus.attacks().stream()
                .map(Attack::means)
                .filter(Means.Code.class::isInstance)
                .map(Means.Code.class::cast)
                .filter(code -> code.language() == Language.C)
                .toList();
        assertThat(programs)
                .isNotEmpty()
                .allSatisfy(code -> assertThat(code.command()).allMatch(word -> word.length() < 32 << 10));
    }

    @Test
    void whatIsNoProgramIsSaidToBeNone() throws IOException {
        assertThatThrownBy(() -> Language.C.command("static int attack(void) { nothing }"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("did not make a program")
                .hasMessageContaining("nothing");
    }
}
