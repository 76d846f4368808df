package dev.cloister.core.turn;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.testing.FakeAgent;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.spi.ExitStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the client is told when the agent reaches its tenant's memory limit. */
@Timeout(120)
class TurnWithoutMemoryTest {
    @TempDir
    private Path directory;

    private static TurnOutcome outcome(Turn turn) throws InterruptedException {
        while (turn.outcome().isEmpty()) {
            turn.poll(Duration.ofSeconds(1));
        }
        return turn.outcome().get();
    }

    @Test
    void aTurnWhoseAgentWasKilledForItsMemorySaysWhichLimitItWas() throws Exception {
        try (TurnFixture fixture = new TurnFixture(directory)) {
            fixture.programs(terminal -> {
                throw new FakeProcess.EndedAs(new ExitStatus.OutOfMemory());
            });
            Turn turn = fixture.start(Optional.empty(), "x");

            assertThat(outcome(turn)).isInstanceOfSatisfying(TurnOutcome.Failed.class, failed -> {
                assertThat(failed.error().code()).isEqualTo(ErrorCode.AGENT_FAILED);
                assertThat(failed.error())
                        .hasMessageContaining("memory limit (isolation.memory) was reached")
                        .hasMessageContaining("Send a further message");
            });

            fixture.agents(new String[][] {
                {FakeAgent.init("dontAsk"), FakeAgent.says("back")[0], FakeAgent.result("success", false, "back")}
            });
            assertThat(outcome(fixture.start(Optional.of(turn.session()), "y")))
                    .isInstanceOf(TurnOutcome.Completed.class);
        }
    }
}
