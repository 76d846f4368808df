package dev.cloister.core.turn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.agent.Agents;
import dev.cloister.core.config.CloisterConfig.Prewarm;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeAgent;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class WarmTurnsTest {
    private static final Duration IDLE = Duration.ofMinutes(10);
    private static final long AGENT = 150 << 20;
    private static final int STARTS = 1;

    @TempDir
    private Path directory;

    private @Nullable TurnFixture fixture;

    private TurnFixture open(int idlePerTenant, int agentsInMemory, Prewarm prewarm) throws IOException {
        TurnFixture opened = new TurnFixture(
                directory, new Agents.Limits(IDLE, idlePerTenant, agentsInMemory * AGENT, STARTS), prewarm);
        opened.memoryOfEach.set(AGENT);
        opened.agents.expect(AGENT);
        fixture = opened;
        return opened;
    }

    @AfterEach
    void close() throws InterruptedException {
        if (fixture != null) {
            fixture.close();
        }
    }

    private static String[] says(String text) {
        return Stream.of(
                        Stream.of(FakeAgent.init("dontAsk")),
                        Stream.of(FakeAgent.says(text)),
                        Stream.of(FakeAgent.result("success", false, text)))
                .flatMap(lines -> lines)
                .toArray(String[]::new);
    }

    private static String answer(Turn turn) throws InterruptedException {
        while (turn.outcome().isEmpty()) {
            turn.poll(Duration.ofSeconds(1));
        }
        assertThat(turn.outcome().get()).isInstanceOf(TurnOutcome.Completed.class);
        return ((TurnOutcome.Completed) turn.outcome().get())
                .message()
                .path("content")
                .path(0)
                .path("text")
                .asString();
    }

    /** Runs a turn and waits until its agent is kept or gone. */
    private static SessionId turn(TurnFixture fixture, Optional<SessionId> session) throws InterruptedException {
        Turn turn = fixture.start(session, "hi");
        answer(turn);
        fixture.awaitTurnsOver();
        return turn.session();
    }

    @Test
    void theNextTurnFindsItsAgent() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agents(says("hello"));
        SessionId session = turn(fixture, Optional.empty());
        assertThat(fixture.idle()).isEqualTo(1);
        for (int i = 0; i < 3; i++) {
            assertThat(answer(fixture.start(Optional.of(session), "again"))).isEqualTo("hello");
            fixture.awaitTurnsOver();
        }
        assertThat(fixture.backend.launched()).hasSize(1);
        assertThat(fixture.store
                        .session(fixture.tenant.id(), session)
                        .orElseThrow()
                        .turns())
                .isEqualTo(4);
    }

    @Test
    void soManyAgentsStartAtOnceAndWhoIsCancelledNoLongerWaitsForThat() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.NONE);
        CompletableFuture<Void> started = new CompletableFuture<>();
        fixture.agent(new String[][] {says("hello"), says("hello")}, agent -> agent.thatBegins(started::join));
        List<Turn> turns = new ArrayList<>();
        for (int i = 0; i < STARTS; i++) {
            turns.add(fixture.start(Optional.empty(), "hi"));
        }
        Eventually.holds("some start", () -> fixture.backend.launched().size() == STARTS);
        Turn last = fixture.start(Optional.empty(), "hi");
        last.cancel("gone");
        while (last.outcome().isEmpty()) {
            last.poll(Duration.ofSeconds(1));
        }
        assertThat(last.outcome()).hasValue(new TurnOutcome.Cancelled("gone"));
        assertThat(fixture.backend.launched()).hasSize(STARTS);

        started.complete(null);
        for (Turn turn : turns) {
            assertThat(answer(turn)).isEqualTo("hello");
        }
        assertThat(fixture.backend.launched()).hasSize(STARTS);
    }

    @Test
    void betweenTurnsTheBrokerPassesNothingOn() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agents(says("hello"));
        turn(fixture, Optional.empty());
        assertThat(fixture.broker.open()).isEqualTo(1);
        assertThat(fixture.broker.serving()).isZero();
        assertThat(fixture.broker.turns()).hasSize(1);
    }

    @Test
    void anAgentOfAnotherModelOrSystemPromptIsReplaced() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agents(says("one"), says("two"));
        SessionId session = turn(fixture, Optional.empty());
        assertThat(answer(fixture.start(Optional.of(session), "again", "claude-other")))
                .isEqualTo("two");
        fixture.awaitTurnsOver();
        assertThat(fixture.backend.launched().getLast().command())
                .containsSequence("--resume", session.toString())
                .containsSequence("--model", "claude-other");
        assertThat(fixture.idle()).isEqualTo(1);
    }

    @Test
    void anAgentThatDiedMeanwhileIsReplacedWithoutTheClientNoticing() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agents(says("one"), says("two"));
        SessionId session = turn(fixture, Optional.empty());
        fixture.processes.getFirst().terminate(Duration.ZERO);
        assertThat(answer(fixture.start(Optional.of(session), "again"))).isEqualTo("two");
        assertThat(fixture.audited("turn.")).containsExactly("turn.completed", "turn.completed");
    }

    @Test
    void anAgentThatDiesBeforeItTakesTheMessageUpIsReplacedToo() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agent(new String[][] {says("one")}, agent -> agent.thatDiesAt(2));
        fixture.agents(says("two"));
        SessionId session = turn(fixture, Optional.empty());
        assertThat(answer(fixture.start(Optional.of(session), "again"))).isEqualTo("two");
        assertThat(fixture.backend.launched().getLast().command()).containsSequence("--resume", session.toString());
    }

    @Test
    void anAgentIsEndedWhenItsTimeIsOver() throws Exception {
        TurnFixture fixture = open(4, 4, Prewarm.NONE);
        fixture.agents(says("one"), says("two"));
        SessionId session = turn(fixture, Optional.empty());
        fixture.timer.pass(IDLE.toMillis());
        fixture.awaitQuiet();
        assertThat(fixture.idle()).isZero();
        assertThat(answer(fixture.start(Optional.of(session), "again"))).isEqualTo("two");
    }

    @Test
    void aTenantKeepsOnlyThoseItUsedLast() throws Exception {
        TurnFixture fixture = open(2, 9, Prewarm.NONE);
        fixture.agents(says("a"), says("b"), says("c"), says("a again"));
        SessionId first = turn(fixture, Optional.empty());
        SessionId second = turn(fixture, Optional.empty());
        SessionId third = turn(fixture, Optional.empty());
        Eventually.holds("the first was ended", () -> fixture.broker.open() == 2);
        turn(fixture, Optional.of(second));
        turn(fixture, Optional.of(third));
        assertThat(fixture.backend.launched()).hasSize(3);
        assertThat(answer(fixture.start(Optional.of(first), "again"))).isEqualTo("a again");
    }

    @Test
    void forOneMoreTheOneUsedLongestAgoMakesRoom() throws Exception {
        TurnFixture fixture = open(9, 2, Prewarm.NONE);
        fixture.agents(says("a"), says("b"), says("c"));
        SessionId first = turn(fixture, Optional.empty());
        SessionId second = turn(fixture, Optional.empty());
        turn(fixture, Optional.of(first));
        turn(fixture, Optional.empty());
        assertThat(fixture.broker.open()).isEqualTo(2);
        // The second made room, the first is still there.
        turn(fixture, Optional.of(first));
        assertThat(fixture.backend.launched()).hasSize(3);
        assertThat(second).isNotEqualTo(first);
    }

    @Test
    void whatAnAgentReallyTakesCounts() throws Exception {
        TurnFixture fixture = open(9, 3, Prewarm.NONE);
        fixture.agents(says("a"), says("b"));
        turn(fixture, Optional.empty());
        fixture.memoryOfEach.set(3 * AGENT);
        turn(fixture, Optional.empty());
        Eventually.holds("the first was ended", () -> fixture.broker.open() == 1);
    }

    @Test
    void whereNothingCanMakeRoomATurnIsRefused() throws Exception {
        TurnFixture fixture = open(9, 1, Prewarm.NONE);
        fixture.agents(new String[] {FakeAgent.init("dontAsk")}, says("later"));
        Turn busy = fixture.start(Optional.empty(), "hi");
        assertThatThrownBy(() -> fixture.start(Optional.empty(), "me too"))
                .isInstanceOfSatisfying(CloisterException.class, e -> {
                    assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED);
                    assertThat(e.retryAfter()).isPresent();
                });
        busy.close();
        turn(fixture, Optional.empty());
    }

    @Test
    void beforeTheMachineSwapsATurnIsRefused() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.NONE);
        fixture.agents(says("a"), says("b"));
        turn(fixture, Optional.empty());
        fixture.memoryAvailable.set(AGENT - 1);
        assertThatThrownBy(() -> fixture.start(Optional.empty(), "me too"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED));
        // What waited was ended for it.
        fixture.awaitQuiet();
        fixture.memoryAvailable.set(AGENT);
        turn(fixture, Optional.empty());
    }

    @Test
    void aCancelledTurnKeepsNoAgent() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.NONE);
        fixture.agents(new String[] {FakeAgent.init("dontAsk")}, says("on"));
        Turn turn = fixture.start(Optional.empty(), "hi");
        Eventually.holds(
                "the agent works",
                () -> fixture.store
                        .session(fixture.tenant.id(), turn.session())
                        .filter(Session::started)
                        .isPresent());
        turn.cancel("enough");
        turn.close();
        fixture.awaitQuiet();
        assertThat(answer(fixture.start(Optional.of(turn.session()), "go on"))).isEqualTo("on");
    }

    @Test
    void aForgottenSessionHasNoAgent() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.NONE);
        fixture.agents(says("a"));
        SessionId session = turn(fixture, Optional.empty());
        fixture.prewarming.forget(session);
        fixture.awaitQuiet();
    }

    private static Session opened(TurnFixture fixture, String model) {
        Principal principal = new Principal(fixture.tenant, TurnFixture.CREDENTIAL);
        Session session = fixture.registry.create(
                fixture.prewarming.newId(principal, model, ""), fixture.tenant.id(), "", model, "", Optional.empty());
        fixture.prewarming.opened(principal, session);
        return session;
    }

    @Test
    void anOpenedSessionFindsItsAgentAtItsFirstTurn() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.SESSION);
        fixture.agents(says("hello"));
        Session session = opened(fixture, TurnFixture.MODEL);
        Eventually.holds("it starts", () -> fixture.backend.launched().size() == 1);
        assertThat(fixture.broker.serving()).isZero();
        turn(fixture, Optional.of(session.id()));
        assertThat(fixture.backend.launched()).hasSize(1);
        // Of a session without a model nobody knows how its agent is to be started.
        opened(fixture, "");
        assertThat(fixture.backend.launched()).hasSize(1);
    }

    @Test
    void whoOpensASessionDoesNotWaitForItsAgent() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.SESSION);
        CompletableFuture<Void> started = new CompletableFuture<>();
        fixture.agent(new String[][] {says("hello")}, agent -> agent.thatBegins(started::join));
        Session session = opened(fixture, TurnFixture.MODEL);
        Eventually.holds("it starts", () -> fixture.backend.launched().size() == 1);
        assertThat(fixture.idle()).isZero();
        started.complete(null);
        turn(fixture, Optional.of(session.id()));
        assertThat(fixture.backend.launched()).hasSize(1);
    }

    @Test
    void nothingIsStartedAheadWhereOthersWouldHaveToMakeRoom() throws Exception {
        TurnFixture fixture = open(9, 1, Prewarm.SESSION);
        fixture.agents(says("hello"), says("other"));
        SessionId session = turn(fixture, Optional.empty());
        opened(fixture, TurnFixture.MODEL);
        assertThat(fixture.backend.launched()).hasSize(1);
        turn(fixture, Optional.of(session));
        assertThat(fixture.backend.launched()).hasSize(1);
    }

    /** An agent waits, and its thread, which tells where it is to be found after that, has ended. */
    private static void awaitSpare(TurnFixture fixture) throws InterruptedException {
        Eventually.holds(
                "an agent waits",
                () -> fixture.idle() == 1
                        && Thread.getAllStackTraces().keySet().stream()
                                .noneMatch(thread -> thread.getName().equals("agent-spare-" + fixture.tenant.id())));
    }

    @Test
    void aTenantThatIsSeenFindsAnAgentForItsNextSession() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.TENANT);
        fixture.agents(says("hello"), says("other model"));
        Principal principal = new Principal(fixture.tenant, TurnFixture.CREDENTIAL);
        fixture.prewarming.seen(principal);
        awaitSpare(fixture);
        fixture.prewarming.seen(principal);
        SessionId session = turn(fixture, Optional.empty());
        assertThat(fixture.backend.launched())
                .singleElement()
                .satisfies(spec -> assertThat(spec.command()).containsSequence("--session-id", session.toString()));
    }

    @Test
    void anAgentStartedAheadForAnotherModelIsNotUsed() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.TENANT);
        fixture.agents(says("hello"), says("other model"));
        fixture.prewarming.seen(new Principal(fixture.tenant, TurnFixture.CREDENTIAL));
        awaitSpare(fixture);
        assertThat(answer(fixture.start(Optional.empty(), "hi", "claude-other")))
                .isEqualTo("other model");
        Eventually.holds("the other was ended", () -> fixture.broker.open() <= 1);
    }

    @Test
    void anAgentThatCannotBeStartedAheadIsNobodysConcern() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.SESSION);
        fixture.unlaunchable("no reason");
        // Returns when the start that was tried is over.
        fixture.agents.forget(opened(fixture, TurnFixture.MODEL).id());
        fixture.awaitQuiet();
        assertThat(fixture.idle()).isZero();
    }

    @Test
    void whatIsBeingStartedAheadIsGoneWhenTheServerHasStopped() throws Exception {
        TurnFixture fixture = open(9, 9, Prewarm.SESSION);
        CompletableFuture<Void> started = new CompletableFuture<>();
        fixture.agent(new String[][] {says("hello")}, agent -> agent.thatBegins(started::join));
        opened(fixture, TurnFixture.MODEL);
        Eventually.holds("it starts", () -> fixture.backend.launched().size() == 1);
        // Waits for its right to start, which it is not to get any more.
        opened(fixture, TurnFixture.MODEL);
        Thread closing = Thread.ofPlatform().start(fixture.agents::close);
        Eventually.holds("the stop waits for it", () -> closing.getState() == Thread.State.WAITING);
        started.complete(null);
        closing.join();
        assertThat(fixture.backend.isQuiet()).isTrue();
        assertThat(fixture.backend.launched()).hasSize(1);
        assertThat(fixture.idle()).isZero();
    }
}
