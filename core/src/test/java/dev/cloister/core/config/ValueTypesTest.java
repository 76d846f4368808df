package dev.cloister.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.StringLength;

class ValueTypesTest {
    private static final Place PLACE = new Place("test", Path.of("/base"), Path.of("/home/ada"));

    private static <T> Parsed<T> parse(ValueType<T> type, String text) {
        return type.parse(new RawValue.Text(text, PLACE));
    }

    @Property
    void aDurationReadsBackInEveryUnitThatHoldsIt(@ForAll @LongRange(min = 1, max = 86_400_000) long millis) {
        Map<String, Long> units = Map.of("ms", 1L, "s", 1_000L, "m", 60_000L, "h", 3_600_000L);
        assertThat(units).allSatisfy((unit, factor) -> {
            if (millis % factor == 0) {
                assertThat(parse(ValueTypes.duration(), millis / factor + unit))
                        .isEqualTo(new Parsed.Good<>(Duration.ofMillis(millis)));
            }
        });
    }

    @Property
    void wholeUnitsOfTimeReadBack(@ForAll @IntRange(min = 1, max = 1440) int count) {
        assertThat(parse(ValueTypes.duration(), count + "m")).isEqualTo(new Parsed.Good<>(Duration.ofMinutes(count)));
        assertThat(parse(ValueTypes.duration(), count + "s")).isEqualTo(new Parsed.Good<>(Duration.ofSeconds(count)));
    }

    @Property
    void aSizeReadsBackInEveryUnit(@ForAll @IntRange(min = 1, max = 1024) int count) {
        List<String> units = List.of("B", "KiB", "MiB", "GiB");
        for (int index = 0; index < units.size(); index++) {
            assertThat(parse(ValueTypes.size("1024GiB"), count + units.get(index)))
                    .isEqualTo(new Parsed.Good<>((long) count << (10 * index)));
        }
    }

    @Property
    void noTextBreaksAType(@ForAll @From("texts") String text) {
        assertThat(Keys.ALL)
                .allSatisfy(key -> assertThat(parse(key.type(), text)).isInstanceOf(Parsed.class));
    }

    /** Texts of the characters that the types are made of come close to being right more often than any others. */
    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.oneOf(
                Arbitraries.strings()
                        .withChars("0123456789-=/.*:,()[]~ mshBKiG\u0000\ud800")
                        .ofMaxLength(24),
                Arbitraries.strings().ofMaxLength(24));
    }

    @Property
    void itemsAreSplitOnlyOutsideParentheses(
            @ForAll @StringLength(max = 10) String left, @ForAll @StringLength(max = 10) String right) {
        String first = "Bash(" + left.replaceAll("[()]", "") + "," + right.replaceAll("[()]", "") + ")";
        assertThat(new RawValue.Text(first + ", Read", PLACE).items()).containsExactly(first, "Read");
    }

    @Property
    void theNearestNameOfOneSlipIsTheNameItself(@ForAll @From("slips") Map.Entry<String, String> slip) {
        assertThat(Nearest.to(slip.getKey(), List.of("host", "limits.body", "agent.turn-timeout")))
                .contains(slip.getValue());
    }

    @Provide
    Arbitrary<Map.Entry<String, String>> slips() {
        return Arbitraries.of("limits.body", "agent.turn-timeout")
                .flatMap(name -> Arbitraries.integers()
                        .between(0, name.length() - 1)
                        .map(index -> Map.entry(name.substring(0, index) + name.substring(index + 1), name)));
    }
}
