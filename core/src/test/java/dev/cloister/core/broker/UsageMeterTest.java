package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class UsageMeterTest {
    private static final TokenUsage EXPECTED = new TokenUsage(11, 77, 5, 6);

    private static final String STREAM = """
            event: message_start
            data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":11,"cache_creation_input_tokens":5,"cache_read_input_tokens":6,"output_tokens":1,"service_tier":"standard"}}}

            : ping

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\"usage\\" ☃ {\\"output_tokens\\":9} \\n data: x"}}

            data: {"type":"content_block_delta","usage":{"output_tokens":1000}}

            data:not json "usage"

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":77,"input_tokens":"many","cache_read_input_tokens":null}}

            event: message_stop
            data: {"type":"message_stop"}

            """;

    private static final String DOCUMENT = """
            {"usage_":{"input_tokens":1},"content":[{"text":"☃ \\"usage\\"","usage":{"input_tokens":2}}],
             "usage":{"input_tokens":11,"cache_creation":{"output_tokens":3},"list":[{"output_tokens":4}],
             "output_tokens":77,"cache_creation_input_tokens":5,"cache_read_input_tokens":6,"tier":"x","ratio":1.5},
             "stop":{"output_tokens":8}}""";

    private static TokenUsage metered(UsageMeter meter, byte[] bytes, List<Integer> cuts) {
        int from = 0;
        for (int cut : cuts) {
            meter.accept(bytes, from, cut - from);
            from = cut;
        }
        meter.accept(bytes, from, bytes.length - from);
        return meter.usage();
    }

    @Property(tries = 300)
    void aStreamCountsTheSameHoweverItIsSplit(@ForAll("streams") byte[] bytes, @ForAll("fractions") List<Double> at) {
        assertThat(metered(new EventStreamMeter(), bytes, cuts(bytes, at))).isEqualTo(EXPECTED);
    }

    @Property(tries = 300)
    void aDocumentCountsTheSameHoweverItIsSplit(@ForAll("fractions") List<Double> at) {
        byte[] bytes = DOCUMENT.getBytes(StandardCharsets.UTF_8);
        assertThat(metered(new DocumentMeter(), bytes, cuts(bytes, at))).isEqualTo(EXPECTED);
    }

    @Property(tries = 300)
    void aMeterNeverThrows(@ForAll byte[] rubbish, @ForAll("fractions") List<Double> at, @ForAll boolean afterGood) {
        byte[] good = STREAM.getBytes(StandardCharsets.UTF_8);
        EventStreamMeter stream = new EventStreamMeter();
        DocumentMeter document = new DocumentMeter();
        if (afterGood) {
            stream.accept(good, 0, good.length);
        }
        metered(document, rubbish, cuts(rubbish, at));
        assertThat(metered(stream, rubbish, cuts(rubbish, at))).isEqualTo(afterGood ? EXPECTED : TokenUsage.NONE);
    }

    @Provide
    Arbitrary<byte[]> streams() {
        Arbitrary<String> ends = Arbitraries.of("\n", "\r\n", "\r");
        Arbitrary<Integer> padding = Arbitraries.of(0, 1, 100_000);
        return Combinators.combine(ends, padding)
                .as((end, pad) -> (": " + "x".repeat(pad) + "\n" + STREAM)
                        .replace("\n", end)
                        .getBytes(StandardCharsets.UTF_8));
    }

    @Provide
    Arbitrary<List<Double>> fractions() {
        return Arbitraries.doubles().between(0, 1).list().ofMaxSize(40);
    }

    private static List<Integer> cuts(byte[] bytes, List<Double> fractions) {
        return fractions.stream()
                .map(fraction -> (int) (fraction * bytes.length))
                .sorted()
                .toList();
    }

    @Example
    void aStreamCountsTheSameByteByByte() {
        byte[] bytes = STREAM.getBytes(StandardCharsets.UTF_8);
        EventStreamMeter meter = new EventStreamMeter();
        for (int i = 0; i < bytes.length; i++) {
            meter.accept(bytes, i, 1);
        }
        assertThat(meter.usage()).isEqualTo(EXPECTED);
    }

    @Example
    void nonsenseDoesNotOverflow() {
        byte[] bytes = ("data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":" + Long.MAX_VALUE
                        + ",\"input_tokens\":-5}}\n")
                .getBytes(StandardCharsets.UTF_8);
        EventStreamMeter meter = new EventStreamMeter();
        meter.accept(bytes, 0, bytes.length);
        assertThat(meter.usage()).isEqualTo(new TokenUsage(0, 1_000_000_000_000L, 0, 0));
    }
}
