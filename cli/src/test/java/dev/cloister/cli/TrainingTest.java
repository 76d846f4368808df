package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The build's training goes through on this host, and there is no trace of it afterwards. */
class TrainingTest {
    @Test
    void trainingGoesThroughAndLeavesNothing() throws Exception {
        Leftovers before = Leftovers.now("training");
        Training.run();
        assertThat(Leftovers.now("training")).isEqualTo(before);
    }
}
