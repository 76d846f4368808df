package dev.cloister.cli.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class UidRangesTest {
    @RepeatedTest(50)
    void drawsWellAboveEveryAccountAndBelowTheSignBit() {
        UidRanges range = UidRanges.draw(new Random(), List.of());
        assertThat(range.first()).isGreaterThanOrEqualTo(0x2000_0000L);
        assertThat(range.last()).isLessThan(0x4000_0000L).isEqualTo(range.first() + 0xffff);
    }

    @Test
    void leavesWhatOthersHave() {
        UidRanges unlucky = UidRanges.draw(new Random(7), List.of());
        UidRanges next = UidRanges.draw(new Random(7), List.of(new UidRanges(unlucky.last(), unlucky.last() + 5)));
        assertThat(next).isNotEqualTo(unlucky);
    }

    @Test
    void saysSoWhenNothingIsLeft() {
        assertThatThrownBy(() -> UidRanges.draw(new Random(), List.of(new UidRanges(0, 0xffff_ffffL))))
                .hasMessageContaining("tenants.uid-range");
    }

    @Test
    void readsTheSystemsFilesAndSkipsWhatItDoesNotUnderstand() {
        assertThat(UidRanges.taken(
                        List.of("root:x:0:0::/root:/bin/sh", "nonsense", "bad:x:many:0::/:/bin/sh"),
                        List.of("user:100000:65536", "", "user:x:y")))
                .containsExactly(new UidRanges(0, 0), new UidRanges(100000, 165535));
    }

    @Test
    void survivesBeingWrittenDown() {
        UidRanges range = new UidRanges(600_000_000L, 600_065_535L);
        assertThat(UidRanges.parse(range.toString())).isEqualTo(range);
        assertThat(List.of(range.probe(), range.probe() + 1, range.canary(), range.firstTenant()))
                .doesNotHaveDuplicates();
    }
}
