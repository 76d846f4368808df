package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class BenchPageTest {
    private static final JsonNode REPORT = new BenchReport(
                    "turn",
                    BenchReportTest.MACHINE,
                    "floor",
                    BenchReportTest.RESULTS,
                    List.of(new Figure("a \"size\" & more", 2, "MiB")),
                    List.of(
                            new Promise("<b>", "1 of 2", Optional.of(true)),
                            new Promise("second", "3 of 2", Optional.of(false)),
                            new Promise("third", "not measured", Optional.empty())),
                    Map.of("other", "said <script>alert(1)</script>"))
            .json();

    @Test
    void whatOthersSaidIsNoPartOfThePage() {
        String page = BenchPage.html(List.of(REPORT));
        assertThat(page)
                .contains("a &lt;fast&gt; one")
                .contains("a &quot;size&quot; &amp; more")
                .contains("<td>&lt;b&gt;</td>")
                .contains("said &lt;script&gt;alert(1)&lt;/script&gt;")
                .doesNotContain("<script>")
                .endsWith("</html>\n");
    }

    @Test
    void thePageShowsWhatBecameOfEachPromise() {
        assertThat(BenchPage.html(List.of(REPORT)))
                .contains("<td class=\"met\">met</td>")
                .contains("<td class=\"missed\">MISSED</td>")
                .contains("<td class=\"not-judged\">not judged</td>");
    }

    @Test
    void theBarsAreAsLongAsWhatTheyShow() {
        assertThat(BenchPage.html(List.of(REPORT))).contains("width:50%").contains("width:100%");
    }

    @Test
    void theTableAndTheSectionSayTheSame() {
        String text = BenchPage.text(REPORT);
        assertThat(text)
                .containsPattern("(?m)^  own +22\\.000 +21\\.000 +23\\.000 +23\\.000 +3 +2\\.00$")
                .contains("the base is floor")
                .containsPattern("(?m)^  second +MISSED +3 of 2$")
                .contains("left out: other: said");
        assertThat(BenchPage.markdown(REPORT))
                .contains("| own | 22.000 | 21.000 | 23.000 | 23.000 | 3 | 2.00 |")
                .contains("| second | 3 of 2 | MISSED |");
    }
}
