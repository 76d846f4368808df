package dev.cloister.isolation.local.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.Usage;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class UseMeterTest {
    private final UseMeter meter = new UseMeter();

    /** So many seconds, kills and refusals, all alike. */
    private static Usage usage(long counted, long memory, long peak) {
        return new Usage(Duration.ofSeconds(counted), Duration.ofSeconds(counted), memory, peak, counted, counted);
    }

    @Test
    void nothingIsUsedBeforeAnythingRuns() {
        assertThat(meter.read(usage(9, 9, 9))).isEqualTo(usage(0, 0, 0));
    }

    @Test
    void whatWasCountedBeforeIsNotThisUses() {
        meter.begin(usage(5, 1, 1));
        meter.begin(usage(6, 1, 1));
        assertThat(meter.read(usage(7, 3, 4))).isEqualTo(usage(2, 3, 4));
        assertThat(meter.read(usage(8, 2, 4))).isEqualTo(usage(3, 2, 4));
    }

    @Test
    void aGuestThatBeginsAnewMidwayTakesNothingAway() {
        meter.begin(usage(5, 1, 1));
        meter.read(usage(8, 3, 4));
        assertThat(meter.read(usage(1, 1, 2))).isEqualTo(usage(4, 1, 4));
        assertThat(meter.read(usage(2, 1, 2))).isEqualTo(usage(5, 1, 4));
    }
}
