package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The parts of the benchmarks that need no server. */
class BenchPartsTest {
    @Test
    void theSizeOfAProcessIsReadFromItsStatus() {
        assertThat(OwnServer.rssMib("Name:\tjava\nVmRSS:\t  262144 kB\nRssAnon:\t 1 kB\n"))
                .isEqualTo(256);
    }

    @Test
    void theProcessorTimeIsReadBehindANameWithBlanksAndParentheses() {
        String stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 999 999 20 0 1 0 5";
        assertThat(OwnServer.cpuMillis(stat)).isEqualTo(2000);
    }

    @Test
    void metricsAreKnownByNameAndLabels() {
        assertThat(OwnServer.metrics("# HELP a b\nagent_ends_total{why=\"idle\"} 3.0\nexecs_active 1.5E1\n"))
                .containsEntry("agent_ends_total{why=\"idle\"}", 3.0)
                .containsEntry("execs_active", 15.0)
                .hasSize(2);
    }

    @Test
    void aTrendComparesTheLastQuarterWithTheSecond() {
        // The first quarter does not count, and neither does one that is out of line.
        Trend trend = new Trend(DoubleStream.of(900, 900, 900, 900, 100, 100, 500, 100, 7, 7, 7, 7, 120, 120, 120, 1)
                .boxed()
                .toList());
        assertThat(trend.growth()).isCloseTo(1.2, within(1e-9));
        assertThat(trend.most()).isEqualTo(900);
    }

    @Test
    void aTrendOfFewSamplesIsOfWhatThereIs() {
        assertThat(new Trend(List.of(5.0)).growth()).isEqualTo(1);
        assertThat(new Trend(List.of(1.0, 2.0, 4.0)).growth()).isEqualTo(4);
    }

    @Test
    void theLastTenantsAreHeldAgainstThoseAfterTheFirst() {
        List<Double> opened = new ArrayList<>();
        IntStream.range(0, 100).forEach(i -> opened.add(50.0));
        IntStream.range(0, 200).forEach(i -> opened.add(2.0));
        IntStream.range(0, 500).forEach(i -> opened.add(9.0));
        IntStream.range(0, 200).forEach(i -> opened.add(3.0));
        assertThat(ScaleBench.slower(opened, 100).value()).isEqualTo(1.5);
        assertThat(ScaleBench.slower(List.of(2.0, 4.0), 2).value()).isPositive();
    }

    @Test
    void allStartTogetherAndAFailureIsToldAfterAllCame() throws Exception {
        AtomicInteger came = new AtomicInteger();
        assertThat(Together.seconds(3, number -> came.incrementAndGet())).isPositive();
        assertThatThrownBy(() -> Together.seconds(3, number -> {
                    if (number == 0) {
                        throw new IOException("broken");
                    }
                    came.incrementAndGet();
                }))
                .hasRootCauseMessage("broken");
        assertThat(came).hasValue(5);
    }

    @Test
    void aKillExcusesTheTurnsThatItMet() {
        SoakTally tally = new SoakTally(line -> {});
        tally.killed("a", 100, 110);
        assertThat(tally.wasKilled("a", 50, 99)).isFalse();
        assertThat(tally.wasKilled("a", 50, 100)).isTrue();
        assertThat(tally.wasKilled("a", 110, 200)).isTrue();
        assertThat(tally.wasKilled("a", 111, 200)).isFalse();
        assertThat(tally.wasKilled("b", 50, 200)).isFalse();
        assertThat(tally.of(SoakTally.Count.KILLS)).isEqualTo(1);
    }

    @Test
    void allFailuresCountAndTheFirstAreKept() {
        List<String> told = new ArrayList<>();
        SoakTally tally = new SoakTally(told::add);
        IntStream.range(0, 12).forEach(i -> tally.fail("failure " + i));
        tally.lose("a");
        tally.lose("a");
        assertThat(tally.failures()).isEqualTo(12);
        assertThat(tally.texts()).hasSize(10).startsWith("failure 0");
        assertThat(told).hasSize(10);
        assertThat(tally.lost()).isEqualTo(1);
    }

    @Test
    void anAgentTellsItsSessionByItsArguments() {
        assertThat(SoakKiller.session(List.of("claude", "--print", "--resume", "s-1")))
                .contains("s-1");
        assertThat(SoakKiller.session(List.of("claude", "--session-id", "s-2", "")))
                .contains("s-2");
        assertThat(SoakKiller.session(List.of("sleep", "600"))).isEmpty();
        assertThat(SoakKiller.session(List.of())).isEmpty();
    }

    @Test
    void theUpstreamKnowsWithWhichOthersAMessageCame() throws Exception {
        try (SoakUpstream upstream = SoakUpstream.start();
                HttpClient http = HttpClient.newHttpClient()) {
            String one = SoakUpstream.word(1, 1);
            String two = SoakUpstream.word(1, 2);
            String body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" + one
                    + "\"},{\"role\":\"assistant\",\"content\":\"" + SoakUpstream.word(9, 9)
                    + "\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" + two + "\"}]}]}";
            String answer = http.send(
                            HttpRequest.newBuilder(URI.create(upstream.url() + "/v1/messages"))
                                    .POST(BodyPublishers.ofString(body))
                                    .build(),
                            BodyHandlers.ofString())
                    .body();
            assertThat(answer).contains(two);
            assertThat(upstream.conversation(one)).isEmpty();
            assertThat(upstream.conversation(two)).containsExactlyInAnyOrder(one, two);
            assertThat(upstream.conversation(two)).isEmpty();
        }
    }
}
