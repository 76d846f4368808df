package dev.cloister.core.workspace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.statistics.Statistics;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PathRulesTest {
    private static final int MAX = 300;

    @Test
    void splitsAPlainPath() {
        assertThat(PathRules.components("src/main/Über uns.txt", MAX)).containsExactly("src", "main", "Über uns.txt");
        assertThat(PathRules.components("src/", MAX)).containsExactly("src");
        assertThat(PathRules.components("...", MAX)).containsExactly("...");
        assertThat(PathRules.components("😀", MAX)).containsExactly("😀");
        assertThat(PathRules.components("", MAX)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/etc/passwd",
                "..",
                "../x",
                "a/..",
                "a/../b",
                ".",
                "./a",
                "a/./b",
                "a//b",
                "a//",
                "//",
                "a\0b",
                "a\nb",
                "\u007f",
                "\u0085",
                "\ud800",
                "a/\udc00x",
                "\ude00\ud83d"
            })
    void refusesWhatIsNotPlain(String path) {
        assertThatThrownBy(() -> PathRules.components(path, MAX))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @Test
    void refusesWhatIsTooLong() {
        assertThat(PathRules.components("a".repeat(255), MAX)).hasSize(1);
        assertThatThrownBy(() -> PathRules.components("é".repeat(128), MAX)).hasMessageContaining("255 bytes");
        assertThatThrownBy(() -> PathRules.components("a/".repeat(150) + "a", MAX))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.URI_TOO_LONG));
    }

    @Property
    void whatIsAcceptedLeadsOnlyDown(@ForAll("paths") String path) {
        List<String> components;
        try {
            components = PathRules.components(path, MAX);
        } catch (CloisterException refused) {
            Statistics.collect("refused");
            return;
        }
        Statistics.collect("accepted");
        Path root = Path.of("/workspaces/tenant/work");
        Path reached = root;
        for (String component : components) {
            assertThat(component).doesNotContain("/", "\0").isNotIn("", ".", "..");
            Path next = reached.resolve(ascii(component));
            assertThat(next.getParent()).isEqualTo(reached);
            reached = next;
        }
        assertThat(reached.normalize()).isEqualTo(reached);
        assertThat(reached.startsWith(root)).isTrue();
        assertThat(String.join("/", components))
                .isEqualTo(path.endsWith("/") ? path.substring(0, path.length() - 1) : path);
        Statistics.coverage(coverage -> {
            coverage.check("accepted").percentage(share -> share > 5);
            coverage.check("refused").percentage(share -> share > 5);
        });
    }

    /** Names a file system would take in any locale: only where the path leads is looked at. */
    private static String ascii(String component) {
        return component.replaceAll("[^\\x20-\\x7e]", "x");
    }

    @Provide
    Arbitrary<String> paths() {
        Arbitrary<String> piece = Arbitraries.frequencyOf(
                Tuple.of(6, Arbitraries.strings().ofMinLength(1).ofMaxLength(6).alpha()),
                Tuple.of(1, Arbitraries.of("..", ".", "", "...", "..\0", "\ud800", "%2e%2e", "..\\", " ", "~")),
                Tuple.of(1, Arbitraries.strings().ofMaxLength(3)));
        return piece.list().ofMaxSize(6).map(pieces -> String.join("/", pieces));
    }
}
