package dev.cloister.cli.attack;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Language;
import dev.cloister.isolation.tck.Means;
import dev.cloister.isolation.tck.Outcome;
import dev.cloister.isolation.tck.Result;
import dev.cloister.isolation.tck.Sign;
import dev.cloister.isolation.tck.Vantage;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class AttackReportTest {
    private static Result result(String id, boolean promised, Outcome outcome) {
        Attack attack = new Attack(
                id,
                Family.LINKS,
                Guarantee.FILES_OF_OTHERS_UNREADABLE,
                Vantage.SANDBOX,
                new Means.Code(Language.SH, ""),
                Sign.GAINED,
                false);
        return new Result(attack, "namespaces", promised, outcome, "<said>");
    }

    private static AttackRun.Report report(Result... results) {
        return new AttackRun.Report(
                new Host("Linux <6>", "amd64", 0, 1, Path.of("/")),
                List.of(results),
                Map.of(IsolationMode.NAMESPACES, Set.of(Guarantee.FILES_OF_OTHERS_UNREADABLE)),
                Map.of(IsolationMode.CHROOT, List.of(new Finding("no chroot", "no mounts", "another host"))),
                Map.of(result("four", true, Outcome.INVALID).attack(), "nobody may"));
    }

    @Test
    void onlyWhatWasPromisedAndPassedIsBroken() {
        assertThat(AttackReport.broken(report(
                        result("one", true, Outcome.BLOCKED),
                        result("two", false, Outcome.PASSED),
                        result("three", true, Outcome.INVALID))))
                .isEmpty();
        AttackRun.Report broken = report(result("one", true, Outcome.PASSED), result("two", true, Outcome.BLOCKED));
        assertThat(AttackReport.broken(broken))
                .extracting(one -> one.attack().id())
                .containsExactly("one");
        assertThat(AttackReport.text(broken))
                .contains("PASSED although promised")
                .contains("BROKEN: 1 attacks");
        assertThat(AttackReport.html(broken)).contains("Promises were broken");
        JsonNode summary = AttackReport.json(broken).path("summary").path("namespaces");
        assertThat(summary.path("broken").asInt()).isEqualTo(1);
        assertThat(summary.path("BLOCKED").asInt()).isEqualTo(1);
    }

    @Test
    void whatProvesNothingIsNotCountedAsADefence() {
        String text =
                AttackReport.text(report(result("one", true, Outcome.BLOCKED), result("two", true, Outcome.INVALID)));
        assertThat(text).contains("1 of 1 (1 invalid)").contains("without effect even where nothing stops them");
    }

    @Test
    void whereNothingWasTriedItSaysWhy() {
        AttackRun.Report report = report(result("one", true, Outcome.BLOCKED));
        assertThat(AttackReport.text(report))
                .contains("chroot: not available here")
                .contains("no mounts");
        assertThat(AttackReport.json(report).toString()).contains("no chroot");
        assertThat(AttackReport.text(report)).contains("nobody may (four)");
        assertThat(AttackReport.json(report).path("not_made").toString())
                .isEqualTo("[{\"id\":\"four\",\"why\":\"nobody may\"}]");
    }

    @Test
    void thePageQuotesWhatItShows() {
        assertThat(AttackReport.html(report(result("one", true, Outcome.BLOCKED))))
                .contains("Linux &lt;6&gt;")
                .doesNotContain("<6>");
    }
}
