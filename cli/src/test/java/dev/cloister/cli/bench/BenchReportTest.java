package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.bench.BenchReport.Figure;
import dev.cloister.cli.bench.BenchReport.Promise;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchReportTest {
    static final Machine MACHINE =
            new Machine("Linux 6", "amd64", 2, "a <fast> one", 0, "25", List.of(0.5, 1.0, 2.0), List.of());

    static final List<Measured> RESULTS =
            List.of(Measured.of("floor", List.of(10.0, 12.0, 11.0)), Measured.of("own", List.of(21.0, 22.0, 23.0)));

    private static BenchReport report(Promise... promises) {
        return new BenchReport(
                "turn",
                MACHINE,
                "floor",
                RESULTS,
                List.of(new Figure("size", 1.23456, "MiB")),
                List.of(promises),
                Map.of("other", "not installed"));
    }

    @Test
    void aPromiseIsMetUpToItsLimit() {
        assertThat(Promise.atMost(RESULTS, "own", "floor", 2, 0))
                .isEqualTo(new Promise("own ≤ 2 × floor", "22.000 ms of 22.000", Optional.of(true)));
        assertThat(Promise.atMost(RESULTS, "own", "floor", 1, 10.5))
                .isEqualTo(new Promise("own ≤ floor + 10.500 ms", "22.000 ms of 21.500", Optional.of(false)));
        assertThat(Promise.atMost(RESULTS, "own", "other", 1, 5).met()).isEmpty();
        assertThat(Promise.atMost(new Figure("size", 3, "MiB"), 3).outcome()).isEqualTo("met");
        assertThat(Promise.atLeast(new Figure("size", 2, "MiB"), 3))
                .isEqualTo(new Promise("size ≥ 3 MiB", "2 MiB of 3", Optional.of(false)));
    }

    @Test
    void whatIsBrokenOrNotJudgedIsNotMet() {
        Promise met = Promise.atMost(RESULTS, "own", "floor", 3, 0);
        assertThat(report(met).isMet()).isTrue();
        assertThat(report().isMet()).isTrue();
        assertThat(report(met, Promise.atMost(RESULTS, "own", "floor", 1, 0)).isMet())
                .isFalse();
        assertThat(report(met, Promise.atMost(RESULTS, "own", "other", 1, 0)).isMet())
                .isFalse();
    }

    @Test
    void theJsonSaysAllOfIt() {
        BenchReport report = report(Promise.atMost(RESULTS, "own", "floor", 1, 0));
        JsonNode json = JsonMapper.shared().readTree(report.json().toString());
        assertThat(json.path("bench").asString()).isEqualTo("turn");
        assertThat(json.path("base").asString()).isEqualTo("floor");
        assertThat(json.path("machine").path("load_before").size()).isEqualTo(3);
        JsonNode own = json.path("results").path(1);
        assertThat(own.path("name").asString()).isEqualTo("own");
        assertThat(own.path("min_ms").asDouble()).isEqualTo(21);
        assertThat(own.path("p50_ms").asDouble()).isEqualTo(22);
        assertThat(own.path("max_ms").asDouble()).isEqualTo(23);
        assertThat(own.path("n").asInt()).isEqualTo(3);
        assertThat(own.path("ratio").asDouble()).isEqualTo(2);
        assertThat(json.path("figures").path(0).path("value").asDouble()).isEqualTo(1.2346);
        assertThat(json.path("promises").path(0).path("outcome").asString()).isEqualTo("MISSED");
        assertThat(json.path("left_out").path(0).path("why").asString()).isEqualTo("not installed");
        assertThat(json.path("met").asBoolean(true)).isFalse();
    }
}
