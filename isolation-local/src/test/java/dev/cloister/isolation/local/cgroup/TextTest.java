package dev.cloister.isolation.local.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextTest {
    @Test
    void readsTheNumberOfAKeyAndOfNoOther() {
        String events = "low 0\nhigh 3\nmax 8\noom 2\noom_kill 1\noom_group_kill 0\n";
        assertThat(Text.keyed(events, "oom_kill")).isEqualTo(1);
        assertThat(Text.keyed(events, "oom")).isEqualTo(2);
        assertThat(Text.keyed(events, "kill")).isZero();
        assertThat(Text.keyed(events, "oom_group")).isZero();
        assertThat(Text.keyed("", "max")).isZero();
        assertThat(Text.keyed("max", "max")).isZero();
    }

    @Test
    void readsNumbersOfAnySize() {
        assertThat(Text.number("42\n")).isEqualTo(42);
        assertThat(Text.number("max\n")).isEqualTo(Long.MAX_VALUE);
        assertThat(Text.number("18446744073709551615")).isEqualTo(Long.MAX_VALUE);
        assertThat(Text.number("")).isZero();
        assertThat(Text.number("-1")).isZero();
    }

    @Test
    void readsListsOfWordsAndPids() {
        assertThat(Text.words("cpuset cpu io\n")).containsExactlyInAnyOrder("cpuset", "cpu", "io");
        assertThat(Text.words("\n")).isEmpty();
        assertThat(Text.pids("7\n12\n7\n")).containsExactlyInAnyOrder(7L, 12L);
        assertThat(Text.pids("")).isEmpty();
    }

    @Test
    void undoesTheEscapesOfMountinfo() {
        assertThat(Text.unescape("/a\\040b\\134c\\011")).isEqualTo("/a b\\c\t");
        assertThat(Text.unescape("/a\\04")).isEqualTo("/a\\04");
        assertThat(Text.unescape("/a\\989")).isEqualTo("/a\\989");
        assertThat(Text.unescape("/\u00e4\\040")).isEqualTo("/\u00e4 ");
    }

    @Test
    void findsTheEffectiveUid() {
        assertThat(Text.uid("Name:\tjava\nUid:\t1000\t1001\t1000\t1000\n")).contains("1001");
        assertThat(Text.uid("Name:\tjava\n")).isEmpty();
    }
}
