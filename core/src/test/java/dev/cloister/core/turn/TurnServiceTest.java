package dev.cloister.core.turn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeAgent;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.spi.ProcessSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@Timeout(120)
class TurnServiceTest {
    @TempDir
    private Path directory;

    private TurnFixture fixture;

    @BeforeEach
    void open() throws IOException {
        fixture = new TurnFixture(directory);
    }

    @AfterEach
    void close() throws InterruptedException {
        fixture.close();
    }

    private static String[] lines(String... lines) {
        return Stream.concat(Stream.of(FakeAgent.init("dontAsk")), Stream.of(lines))
                .toArray(String[]::new);
    }

    private static String[] says(String text, String... more) {
        return lines(
                Stream.concat(Stream.of(FakeAgent.says(text)), Stream.of(more)).toArray(String[]::new));
    }

    private static final String DONE = FakeAgent.result("success", false, "done");
    private static final String CALL = "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"tool_use\","
            + "\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{}}]}}";
    private static final String CALLED = "{\"type\":\"user\",\"message\":{\"content\":[{\"type\":\"tool_result\","
            + "\"tool_use_id\":\"toolu_1\",\"content\":\"ok\"}]}}";

    private static TurnOutcome outcome(Turn turn) throws InterruptedException {
        return outcome(turn, new ArrayList<>());
    }

    private static TurnOutcome outcome(Turn turn, List<SessionEvent> events) throws InterruptedException {
        while (turn.outcome().isEmpty()) {
            turn.poll(Duration.ofSeconds(1)).ifPresent(events::add);
        }
        return turn.outcome().get();
    }

    private static CloisterException failure(TurnOutcome outcome) {
        assertThat(outcome).isInstanceOf(TurnOutcome.Failed.class);
        return ((TurnOutcome.Failed) outcome).error();
    }

    private static JsonNode message(TurnOutcome outcome) {
        assertThat(outcome).isInstanceOf(TurnOutcome.Completed.class);
        return ((TurnOutcome.Completed) outcome).message();
    }

    private Session stored(SessionId id) {
        return fixture.store.session(fixture.tenant.id(), id).orElseThrow();
    }

    private void awaitWork(Turn turn) throws InterruptedException {
        Eventually.holds("the agent works", () -> stored(turn.session()).started());
    }

    private void assertBookedOnce(String action) throws InterruptedException {
        fixture.awaitQuiet();
        assertThat(fixture.audited("turn.")).containsExactly("turn." + action);
    }

    @Test
    void aTurnIsAnsweredStoredCountedAndTakenAway() throws Exception {
        fixture.agents(says("hello", DONE));
        List<SessionEvent> events = new ArrayList<>();
        Turn turn = fixture.start(Optional.empty(), "hi");
        TurnOutcome outcome = outcome(turn, events);

        assertThat(message(outcome).path("content").path(0).path("text").asString())
                .isEqualTo("hello");
        assertThat(message(outcome).path("usage").path("output_tokens").asInt()).isEqualTo(20);
        assertThat(events.getFirst().type()).isEqualTo("message_start");
        assertThat(events.getLast().type()).isEqualTo("message_stop");
        assertBookedOnce("completed");
        fixture.events.flush();
        assertThat(fixture.store.events(turn.session(), 0, 100)).isEqualTo(events);
        assertThat(stored(turn.session()).turns()).isEqualTo(1);
        assertThat(stored(turn.session()).started()).isTrue();
        assertThat(fixture.broker.open()).isZero();
    }

    @Test
    void theBrokerGetsTheCallersCredentialAndTheAgentDoesNot() throws Exception {
        fixture.agents(says("hello", DONE));
        outcome(fixture.start(Optional.empty(), "hi"));
        assertThat(fixture.broker.turns()).singleElement().satisfies(session -> {
            assertThat(session.credential()).isEqualTo(TurnFixture.CREDENTIAL);
            assertThat(session.models()).containsExactly(TurnFixture.MODEL);
        });
        ProcessSpec spec = fixture.backend.launched().getFirst();
        assertThat(spec.toString()).doesNotContain(TurnFixture.CREDENTIAL.secret());
        assertThat(spec.command()).noneMatch(argument -> argument.contains("hi"));
    }

    @ParameterizedTest
    @CsvSource({"success,true", "error_during_execution,true", "anything,true"})
    void aResultThatIsAnErrorIsAFailureWhateverItsSubtype(String subtype, boolean isError) throws Exception {
        fixture.agents(says("partly", FakeAgent.result(subtype, isError, "API Error")));
        CloisterException error = failure(outcome(fixture.start(Optional.empty(), "hi")));
        assertThat(error.code()).isEqualTo(ErrorCode.AGENT_FAILED);
        assertThat(error).hasMessageContaining("API Error");
        assertBookedOnce("failed");
    }

    @ParameterizedTest
    @ValueSource(strings = {"success", "error_during_execution", "anything"})
    void aResultThatIsNoErrorIsASuccessWhateverItsSubtype(String subtype) throws Exception {
        fixture.agents(says("all of it", FakeAgent.result(subtype, false, "all of it")));
        assertThat(message(outcome(fixture.start(Optional.empty(), "hi")))
                        .path("content")
                        .size())
                .isEqualTo(1);
        assertBookedOnce("completed");
    }

    @Test
    void whyTheUpstreamFailedIsSaidAsTheUpstreamSaidIt() throws Exception {
        CloisterException upstream =
                new CloisterException(ErrorCode.UPSTREAM_RATE_LIMITED, "slow down", Duration.ofSeconds(7), null);
        fixture.broker.failed(upstream);
        fixture.agents(lines(FakeAgent.result("success", true, "API Error: 429")));
        assertThat(failure(outcome(fixture.start(Optional.empty(), "hi")))).isSameAs(upstream);
    }

    @Test
    void anEndWithoutAResultIsAFailure() throws Exception {
        fixture.agent(new String[][] {says("so far so good")}, FakeAgent::thenDies);
        CloisterException error = failure(outcome(fixture.start(Optional.empty(), "hi")));
        assertThat(error.code()).isEqualTo(ErrorCode.AGENT_FAILED);
        assertThat(error).hasMessageContaining("without a result");
        assertBookedOnce("failed");
    }

    @Test
    void aToolCallWithoutItsResultIsAFailure() throws Exception {
        fixture.agents(lines(CALL, DONE), lines(CALL, CALLED, DONE));
        assertThat(failure(outcome(fixture.start(Optional.empty(), "hi"))))
                .hasMessageContaining("tool call unanswered");
        assertThat(message(outcome(fixture.start(Optional.empty(), "hi")))).isNotNull();
    }

    @Test
    void runningOutOfTurnsIsAPause() throws Exception {
        fixture.agents(says("so far", CALL, FakeAgent.result("error_max_turns", true, "")));
        assertThat(message(outcome(fixture.start(Optional.empty(), "hi")))
                        .path("stop_reason")
                        .asString())
                .isEqualTo("pause_turn");
    }

    @Test
    void aDenialIsShownAndCountedAndTheTurnGoesOn() throws Exception {
        String denied = "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"\","
                + "\"permission_denials\":[{\"tool_name\":\"Bash\",\"tool_use_id\":\"toolu_1\"}]}";
        fixture.agents(says("I may not", denied));
        List<SessionEvent> events = new ArrayList<>();
        message(outcome(fixture.start(Optional.empty(), "hi"), events));
        assertThat(events).anySatisfy(event -> assertThat(event.type()).isEqualTo("agent.denied"));
        assertThat(fixture.audited("violation")).hasSize(1);
    }

    @Test
    void anAgentWithOtherRulesIsStopped() throws Exception {
        String[] first = {FakeAgent.init("bypassPermissions"), DONE};
        String[] second = {FakeAgent.init("dontAsk", "a-server-of-the-workspace"), DONE};
        fixture.agents(first, second);
        for (int i = 0; i < 2; i++) {
            assertThat(failure(outcome(fixture.start(Optional.empty(), "hi"))).code())
                    .isEqualTo(ErrorCode.AGENT_FAILED);
        }
        fixture.awaitQuiet();
        assertThat(fixture.audited("violation")).hasSize(2);
        assertThat(fixture.audited("turn.")).containsExactly("turn.failed", "turn.failed");
    }

    @Test
    void aLaterTurnResumes() throws Exception {
        fixture.agents(says("one", DONE), says("two", DONE));
        Turn first = fixture.start(Optional.empty(), "hi");
        outcome(first);
        outcome(fixture.start(Optional.of(first.session()), "again"));
        assertThat(fixture.backend.launched().getFirst().command())
                .containsSequence("--session-id", first.session().toString());
        assertThat(fixture.backend.launched().getLast().command())
                .containsSequence("--resume", first.session().toString())
                .doesNotContain("--session-id");
        fixture.awaitQuiet();
        assertThat(stored(first.session()).turns()).isEqualTo(2);
    }

    @Test
    void aTranscriptThatIsGoneMeansAFreshStart() throws Exception {
        fixture.agents(says("one", DONE));
        Turn first = fixture.start(Optional.empty(), "hi");
        outcome(first);
        fixture.programs(complains("No conversation found with session ID"), fixture.playing(says("two", DONE)));
        assertThat(message(outcome(fixture.start(Optional.of(first.session()), "again")))
                        .path("content")
                        .path(0)
                        .path("text")
                        .asString())
                .isEqualTo("two");
        assertThat(fixture.backend.launched().getLast().command())
                .containsSequence("--session-id", first.session().toString());
        fixture.awaitQuiet();
        assertThat(fixture.audited("turn.")).containsExactly("turn.completed", "turn.completed");
    }

    @Test
    void aTranscriptThatTheStoreDoesNotKnowOfIsResumed() throws Exception {
        fixture.programs(complains("Session ID is already in use."), fixture.playing(says("on", DONE)));
        Turn turn = fixture.start(Optional.empty(), "hi");
        message(outcome(turn));
        assertThat(fixture.backend.launched().getLast().command())
                .containsSequence("--resume", turn.session().toString());
        assertBookedOnce("completed");
    }

    @Test
    void aTranscriptThatCannotBeReadIsSetAsideAndTheAgentBeginsAnew() throws Exception {
        fixture.programs(
                complains("Session ID is already in use."),
                complains("No conversation found with session ID"),
                terminal -> 0,
                fixture.playing(says("on", DONE)));
        Turn turn = fixture.start(Optional.empty(), "hi");
        message(outcome(turn));
        assertThat(fixture.backend.launched().get(2).command())
                .contains(turn.session().toString())
                .doesNotContain("--session-id");
        assertThat(fixture.backend.launched().getLast().command())
                .containsSequence("--session-id", turn.session().toString());
        assertBookedOnce("completed");
    }

    @Test
    void anAgentThatWillBeginInNoWayIsAskedNoMore() throws Exception {
        fixture.programs(
                complains("Session ID is already in use."),
                complains("No conversation found with session ID"),
                terminal -> 0,
                complains("Session ID is already in use."));
        assertThat(failure(outcome(fixture.start(Optional.empty(), "hi"))).code())
                .isEqualTo(ErrorCode.AGENT_FAILED);
        assertThat(fixture.backend.launched()).hasSize(4);
        assertBookedOnce("failed");
    }

    private static FakeProcess.Program complains(String text) {
        return terminal -> {
            terminal.readLine();
            terminal.complain(text + "\n");
            return 1;
        };
    }

    @Test
    void aSecondTurnOfABusySessionIsRefusedAndOthersAreNot() throws Exception {
        fixture.agents(lines(), says("other", DONE), says("next", DONE));
        Turn busy = fixture.start(Optional.empty(), "hi");
        awaitWork(busy);
        assertThatThrownBy(() -> fixture.start(Optional.of(busy.session()), "me too"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));
        outcome(fixture.start(Optional.empty(), "elsewhere"));
        busy.close();
        message(outcome(fixture.start(Optional.of(busy.session()), "now")));
    }

    @Test
    void aRefusedTurnGivesItsPermitBack() throws Exception {
        fixture.agents(lines());
        Turn busy = fixture.start(Optional.empty(), "hi");
        for (int i = 0; i < TurnFixture.TURNS_PER_TENANT + 1; i++) {
            assertThatThrownBy(() -> fixture.start(Optional.of(busy.session()), "me too"))
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));
        }
        busy.close();
    }

    @Test
    void atTheTenantsLimitATurnIsRefused() {
        fixture.agents(lines(), lines());
        List<Turn> running = new ArrayList<>();
        for (int i = 0; i < TurnFixture.TURNS_PER_TENANT; i++) {
            running.add(fixture.start(Optional.empty(), "hi"));
        }
        assertThatThrownBy(() -> fixture.start(Optional.empty(), "one more"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.RATE_LIMITED));
        running.forEach(Turn::close);
    }

    @Test
    void anUnknownSessionAndAModelNotOfferedAreNotFound() {
        assertThatThrownBy(() -> fixture.start(Optional.of(SessionId.random()), "hi"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
        assertThatThrownBy(() -> fixture.start(Optional.empty(), "hi", "other-1"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
        assertThat(fixture.store.sessions(fixture.tenant.id(), Optional.empty(), 10))
                .isEmpty();
    }

    @Test
    void interruptingIsForTheOwnerOfTheTurnAndEndsIt() throws Exception {
        fixture.agents(lines());
        Turn turn = fixture.start(Optional.empty(), "hi");
        awaitWork(turn);
        assertThat(fixture.turns.interrupt(TurnFixture.STRANGER, turn.session()))
                .isFalse();
        assertThat(fixture.turns.interrupt(fixture.tenant.id(), turn.session())).isTrue();
        assertThat(outcome(turn)).isEqualTo(new TurnOutcome.Cancelled("interrupted"));
        assertBookedOnce("cancelled");
        assertThat(fixture.turns.interrupt(fixture.tenant.id(), turn.session())).isFalse();
    }

    @Test
    void aCancelledTurnIsCancelledEvenIfTheAgentIsDeaf() throws Exception {
        fixture.programs(terminal -> {
            Thread.sleep(Duration.ofDays(1));
            return 0;
        });
        Turn turn = fixture.start(Optional.empty(), "hi");
        turn.cancel("enough");
        turn.cancel("again");
        Eventually.holds(
                "it is about to be killed",
                () -> !fixture.timer.waiting().stream()
                        .filter(delay -> delay == 2000)
                        .toList()
                        .isEmpty());
        fixture.timer.pass(2000);
        assertThat(outcome(turn)).isEqualTo(new TurnOutcome.Cancelled("enough"));
        assertBookedOnce("cancelled");
    }

    @Test
    void aTurnThatTakesTooLongIsStoppedAndSaysSo() throws Exception {
        fixture.agents(lines());
        Turn turn = fixture.start(Optional.empty(), "hi");
        awaitWork(turn);
        fixture.timer.pass(TurnFixture.TURN_TIMEOUT.toMillis());
        assertThat(failure(outcome(turn)).code()).isEqualTo(ErrorCode.TURN_TIMED_OUT);
        assertBookedOnce("failed");
    }

    @Test
    void closingTheServiceEndsEveryTurn() throws Exception {
        fixture.agents(lines(), lines());
        Turn one = fixture.start(Optional.empty(), "hi");
        Turn two = fixture.start(Optional.empty(), "hi");
        fixture.turns.close();
        assertThat(outcome(one)).isInstanceOf(TurnOutcome.Cancelled.class);
        assertThat(outcome(two)).isInstanceOf(TurnOutcome.Cancelled.class);
        fixture.awaitQuiet();
        assertThat(fixture.audited("turn.")).containsExactly("turn.cancelled", "turn.cancelled");
    }

    @Test
    void anAgentThatCannotBeStartedIsAFailureThatNamesTheCause() throws Exception {
        fixture.unlaunchable("no such uid");
        CloisterException error = failure(outcome(fixture.start(Optional.empty(), "hi")));
        assertThat(error.code()).isEqualTo(ErrorCode.ISOLATION_FAILED);
        assertThat(error).hasMessageContaining("no such uid");
        assertBookedOnce("failed");
        assertThat(fixture.broker.open()).isZero();
    }

    @Test
    void aTurnNobodyReadsDoesNotHoldTheServer() throws Exception {
        List<String> flood = new ArrayList<>(List.of(FakeAgent.init("dontAsk")));
        for (int i = 0; i < 1000; i++) {
            flood.addAll(List.of(FakeAgent.says("x")));
        }
        flood.add(DONE);
        fixture.agents(flood.toArray(String[]::new));
        Turn turn = fixture.start(Optional.empty(), "hi");
        turn.close();
        assertBookedOnce("cancelled");
    }
}
