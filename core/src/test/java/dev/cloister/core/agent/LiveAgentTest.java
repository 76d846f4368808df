package dev.cloister.core.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeAgent;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.core.testing.ManualTimer;
import dev.cloister.spi.ExitStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

@Timeout(120)
class LiveAgentTest {
    private static final ObjectNode SETTINGS =
            JsonNodeFactory.instance.objectNode().put("mode", "dontAsk").put("hooks", false);
    private static final ArrayNode MESSAGE =
            JsonNodeFactory.instance.arrayNode().add("do it");

    /** The answer to the first question of an agent that took its settings. */
    private static final String TOOK = FakeAgent.answer("question-1", FakeAgent.took(SETTINGS)) + "\n";

    private static final long HANDSHAKE = LiveAgent.HANDSHAKE.toMillis();
    private static final long GRACE = LiveAgent.GRACE.toMillis();

    private final ManualTimer timer = new ManualTimer();
    /** Not the common pool: a run blocks its thread, and the pool may have one. */
    private final ExecutorService threads =
            Executors.newCachedThreadPool(Thread.ofPlatform().daemon(true).factory());

    private final List<AgentEvent> events = new CopyOnWriteArrayList<>();

    @AfterEach
    void stop() {
        timer.shutdownNow();
        threads.shutdownNow();
    }

    private LiveAgent run(FakeProcess process) {
        return new LiveAgent(process, SETTINGS, LiveAgent.HANDSHAKE, timer);
    }

    private AgentEnd played(FakeAgent agent) {
        LiveAgent run = run(new FakeProcess(agent));
        AgentEnd end = run.run(MESSAGE, events::add);
        run.awaitEnd();
        return end;
    }

    private static void assertNoMessage(FakeAgent agent) {
        assertThat(agent.received()).hasSize(1);
        assertThat(agent.received().getFirst()).contains("get_settings");
    }

    @Test
    void aMessageIsSentAfterTheSettingsAreSeenAndReadToItsResult() {
        FakeAgent agent = FakeAgent.obedient(
                SETTINGS, FakeAgent.init("dontAsk"), FakeAgent.result("success", false, "done"), "{\"type\":\"late\"}");
        AgentEnd end = played(agent);
        assertThat(end.result()).map(AgentEvent.Result::text).contains("done");
        assertThat(events).singleElement().isInstanceOf(AgentEvent.Init.class);
        assertThat(agent.received()).hasSize(2);
        assertThat(agent.received().getFirst()).contains("get_settings");
        assertThat(agent.received().getLast()).contains("do it");
        assertThat(timer.waiting()).isEmpty();
    }

    @Test
    void settingsThatDifferMeanNoMessage() {
        FakeAgent agent = new FakeAgent(FakeAgent.took(SETTINGS.deepCopy().put("hooks", true)));
        assertRefused(agent, "effective settings differ");
    }

    @Test
    void settingsThatGrewMeanNoMessage() {
        FakeAgent agent = new FakeAgent(FakeAgent.took(SETTINGS.deepCopy().put("env", "x")));
        assertRefused(agent, "effective settings differ");
    }

    @Test
    void reportedErrorsMeanNoMessage() {
        assertRefused(
                new FakeAgent("{\"errors\":[{\"message\":\"bad rule\"}],\"effective\":" + SETTINGS + "}"),
                "it reports errors");
    }

    @Test
    void anAnswerWithoutSettingsMeansNoMessage() {
        assertRefused(new FakeAgent("null"), "effective settings differ");
    }

    private void assertRefused(FakeAgent agent, String why) {
        LiveAgent run = run(new FakeProcess(agent));
        assertThatThrownBy(() -> run.run(MESSAGE, events::add))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.AGENT_FAILED))
                .hasMessageContaining(why);
        run.awaitEnd();
        assertNoMessage(agent);
        assertThat(events).isEmpty();
    }

    @Test
    void anEndWithoutAResultSaysWhatTheAgentComplainedOf() {
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            terminal.complain("x".repeat(10_000));
            terminal.complain("No conversation found");
            return 1;
        });
        AgentEnd end = run(process).run(MESSAGE, events::add);
        assertThat(end.result()).isEmpty();
        assertThat(end.complaint()).endsWith("No conversation found").hasSizeLessThanOrEqualTo(4096);
    }

    @Test
    void anAgentThatIsKilledForItsMemoryIsSaidToBeSo() {
        FakeProcess killed = new FakeProcess(terminal -> {
            terminal.readLine();
            // In the middle of a line, as a kill comes.
            terminal.print("{\"type\":");
            throw new FakeProcess.EndedAs(new ExitStatus.OutOfMemory());
        });
        AgentEnd end = run(killed).run(MESSAGE, events::add);
        assertThat(end.result()).isEmpty();
        assertThat(end.outOfMemory()).isTrue();
        assertThat(timer.waiting()).isEmpty();

        AgentEnd other = run(new FakeProcess(terminal -> 137)).run(MESSAGE, events::add);
        assertThat(other.outOfMemory()).isFalse();
    }

    @Test
    void aResultBeforeTheSettingsIsTheEndAndNoMessageIsSent() {
        List<String> received = new ArrayList<>();
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            terminal.print(FakeAgent.result("error_during_execution", true, "no") + "\n");
            for (Optional<String> line = terminal.readLine(); line.isPresent(); line = terminal.readLine()) {
                received.add(line.get());
            }
            return 1;
        });
        LiveAgent run = run(process);
        AgentEnd end = run.run(MESSAGE, events::add);
        run.awaitEnd();
        assertThat(end.result()).map(AgentEvent.Result::failed).contains(true);
        assertThat(received).isEmpty();
    }

    @Test
    void anAgentThatDiesInTheMiddleHasNoResult() {
        assertThat(played(FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"))
                                .thenDies())
                        .result())
                .isEmpty();
    }

    @Test
    void aResultThatIsCutOffIsNone() {
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            terminal.print(TOOK);
            terminal.readLine();
            terminal.print(FakeAgent.result("success", false, "done"));
            return 0;
        });
        assertThat(run(process).run(MESSAGE, events::add).result()).isEmpty();
    }

    @Test
    void aLineThatIsNotJsonEndsTheRunWithoutQuotingIt() {
        LiveAgent run = run(new FakeProcess(FakeAgent.obedient(SETTINGS, "secret text")));
        assertThatThrownBy(() -> run.run(MESSAGE, events::add))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("not JSON")
                .hasMessageNotContaining("secret");
        run.awaitEnd();
    }

    @Test
    void anAgentThatNeverAnswersIsEnded() throws Exception {
        FakeProcess process = new FakeProcess(terminal -> {
            Thread.sleep(Duration.ofDays(1));
            return 0;
        });
        CompletableFuture<AgentEnd> end = started(run(process));
        Eventually.holds("waits for the settings", () -> timer.waiting().contains(HANDSHAKE));
        timer.pass(HANDSHAKE);
        assertThat(end.get(60, TimeUnit.SECONDS).result()).isEmpty();
        assertThat(end.get(60, TimeUnit.SECONDS).begun()).isFalse();
        assertThat(end.get(60, TimeUnit.SECONDS).complaint()).contains("did not answer within 30 s");
        assertThat(process.terminations()).isNotEmpty();
        process.await();
    }

    @Test
    void theAgentMayTakeLongerForItsWorkThanForItsSettings() throws Exception {
        CompletableFuture<Void> work = new CompletableFuture<>();
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            terminal.print(TOOK);
            terminal.readLine();
            terminal.print(FakeAgent.init("dontAsk") + "\n");
            work.join();
            terminal.print(FakeAgent.result("success", false, "done") + "\n");
            return 0;
        });
        CompletableFuture<AgentEnd> end = started(run(process));
        Eventually.holds("the settings were seen", () -> timer.waiting().isEmpty() && !events.isEmpty());
        timer.pass(HANDSHAKE);
        work.complete(null);
        assertThat(end.get(60, TimeUnit.SECONDS).result())
                .map(AgentEvent.Result::text)
                .contains("done");
        assertThat(process.terminations()).isEmpty();
    }

    @Test
    void cancelInterruptsAnAgentThatListensAndKillsNobody() throws Exception {
        FakeAgent agent = FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"));
        FakeProcess process = new FakeProcess(agent);
        LiveAgent run = run(process);
        CompletableFuture<AgentEnd> end = started(run);
        Eventually.holds("the agent works", () -> !events.isEmpty());
        run.cancel();
        assertThat(end.get(60, TimeUnit.SECONDS).result())
                .map(AgentEvent.Result::subtype)
                .contains("error_during_execution");
        run.awaitEnd();
        assertThat(agent.received().getLast()).contains("interrupt");
        assertThat(process.terminations()).isEmpty();
    }

    @Test
    void anAgentThatWasCancelledInTimeIsNeverSentTheMessage() throws Exception {
        CompletableFuture<Void> slow = new CompletableFuture<>();
        List<String> received = new CopyOnWriteArrayList<>();
        FakeProcess process = new FakeProcess(terminal -> {
            for (Optional<String> line = terminal.readLine(); line.isPresent(); line = terminal.readLine()) {
                received.add(line.get());
                slow.join();
                terminal.print(TOOK);
            }
            return 0;
        });
        LiveAgent run = run(process);
        CompletableFuture<AgentEnd> end = started(run);
        Eventually.holds("it was asked for its settings", () -> !received.isEmpty());
        run.cancel();
        slow.complete(null);
        assertThat(end.get(60, TimeUnit.SECONDS).result()).isEmpty();
        run.awaitEnd();
        assertThat(received).noneMatch(line -> line.contains("do it"));
        assertThat(process.terminations()).isEmpty();
    }

    @Test
    void cancelEndsAnAgentThatDoesNotListen() throws Exception {
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            Thread.sleep(Duration.ofDays(1));
            return 0;
        });
        LiveAgent run = run(process);
        CompletableFuture<AgentEnd> end = started(run);
        Eventually.holds("waits for the settings", () -> timer.waiting().contains(HANDSHAKE));
        run.cancel();
        run.cancel();
        assertThat(timer.waiting()).containsExactlyInAnyOrder(HANDSHAKE, GRACE);
        timer.pass(GRACE);
        assertThat(end.get(60, TimeUnit.SECONDS).result()).isEmpty();
        assertThat(process.terminations()).containsOnly(Duration.ZERO);
    }

    @Test
    void anAgentThatStaysAfterItsResultIsEnded() throws Exception {
        FakeProcess process = new FakeProcess(terminal -> {
            terminal.readLine();
            terminal.print(FakeAgent.result("success", false, "done") + "\n");
            Thread.sleep(Duration.ofDays(1));
            return 0;
        });
        LiveAgent run = run(process);
        assertThat(run.run(MESSAGE, events::add).result()).isPresent();
        CompletableFuture<Void> gone = CompletableFuture.runAsync(run::awaitEnd, threads);
        Eventually.holds("it is waited for", () -> timer.waiting().contains(GRACE));
        assertThat(gone).isNotDone();
        timer.pass(GRACE);
        gone.get(60, TimeUnit.SECONDS);
        assertThat(process.terminations()).containsExactly(Duration.ZERO);
    }

    @Test
    void oneMessageComesAfterAnother() {
        FakeAgent agent =
                FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"), FakeAgent.result("success", false, "done"));
        LiveAgent run = run(new FakeProcess(agent));
        for (int i = 0; i < 3; i++) {
            assertThat(run.isFit()).isTrue();
            AgentEnd end = run.run(MESSAGE, events::add);
            assertThat(end.result()).map(AgentEvent.Result::text).contains("done");
            assertThat(end.begun()).isTrue();
        }
        run.awaitEnd();
        assertThat(run.isFit()).isFalse();
        assertThat(agent.received().stream().filter(line -> line.contains("get_settings")))
                .hasSize(3);
        assertThat(timer.waiting()).isEmpty();
    }

    @Test
    void whoseSettingsWereSeenSinceTheLastMessageIsAskedForItsServersAlone() {
        FakeAgent agent =
                FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"), FakeAgent.result("success", false, "done"));
        LiveAgent run = run(new FakeProcess(agent));
        for (int i = 0; i < 2; i++) {
            assertThat(run.run(MESSAGE, events::add).result()).isPresent();
            run.verify();
            assertThat(run.isFit()).isTrue();
        }
        run.run(MESSAGE, events::add);
        run.run(MESSAGE, events::add);
        run.awaitEnd();
        assertThat(agent.received())
                .extracting(line -> line.replaceAll(".*(get_settings|mcp_status|do it).*", "$1"))
                .containsExactly(
                        "get_settings",
                        "do it",
                        "get_settings",
                        "mcp_status",
                        "do it",
                        "get_settings",
                        "mcp_status",
                        "do it",
                        "get_settings",
                        "do it");
        assertThat(timer.waiting()).isEmpty();
    }

    @Test
    void serversOfToolsMeanNoMessage() {
        for (String servers : List.of("{\"mcpServers\":[{\"name\":\"x\"}]}", "{}", "null")) {
            FakeAgent agent = FakeAgent.obedient(SETTINGS).withServers(servers);
            LiveAgent run = run(new FakeProcess(agent));
            run.verify();
            assertThatThrownBy(() -> run.run(MESSAGE, events::add))
                    .isInstanceOf(CloisterException.class)
                    .hasMessageContaining("servers of tools");
            assertThat(run.isFit()).isFalse();
            run.awaitEnd();
            assertThat(agent.received()).hasSize(2);
        }
    }

    @Test
    void settingsThatChangedAreFoundOutWithoutAMessage() {
        FakeAgent agent = new FakeAgent(FakeAgent.took(SETTINGS.deepCopy().put("hooks", true)));
        LiveAgent run = run(new FakeProcess(agent));
        assertThatThrownBy(run::verify)
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("effective settings differ");
        assertThat(run.isFit()).isFalse();
        run.awaitEnd();
    }

    @Test
    void anAgentThatEndsWhileItIsAskedIsNotFit() {
        LiveAgent run = run(new FakeProcess(terminal -> {
            terminal.readLine();
            return 1;
        }));
        run.verify();
        assertThat(run.isFit()).isFalse();
        run.awaitEnd();
    }

    @Test
    void anAgentThatEndsWhileItWaitsIsFoundOutAndTakesNoMessage() throws Exception {
        FakeProcess process = new FakeProcess(terminal -> 0);
        LiveAgent run = run(process);
        CompletableFuture<Void> lost = new CompletableFuture<>();
        run.whenLost(() -> lost.complete(null));
        lost.get(60, TimeUnit.SECONDS);
        assertThat(run.isFit()).isFalse();
        AgentEnd end = run.run(MESSAGE, events::add);
        assertThat(end.begun()).isFalse();
        assertThat(end.result()).isEmpty();
    }

    @Test
    void whatIsSaidWithoutBeingAskedIsNotTakenForAnAnswer() throws Exception {
        String[] unasked = {
            FakeAgent.init("dontAsk"), FakeAgent.result("success", false, "unasked"), FakeAgent.says("unasked")[0]
        };
        for (String line : unasked) {
            LiveAgent run = run(new FakeProcess(terminal -> {
                terminal.print(line + "\n");
                while (terminal.readLine().isPresent()) {
                    terminal.print(TOOK);
                }
                return 0;
            }));
            AgentEnd end = run.run(MESSAGE, events::add);
            assertThat(end.begun()).isFalse();
            assertThat(events).isEmpty();
            assertThat(run.isFit()).isFalse();
            run.awaitEnd();
        }
    }

    @Test
    void anAgentWithACommandInTheBackgroundIsNotFitUntilThatIsOver() throws Exception {
        FakeAgent agent = FakeAgent.obedient(
                SETTINGS,
                FakeAgent.init("dontAsk"),
                "{\"type\":\"system\",\"subtype\":\"task_started\",\"task_id\":\"b1\"}",
                FakeAgent.result("success", false, "done"),
                "{\"type\":\"system\",\"subtype\":\"task_updated\",\"task_id\":\"b1\"}");
        LiveAgent run = run(new FakeProcess(agent));
        assertThat(run.run(MESSAGE, events::add).result()).isPresent();
        assertThat(run.isFit()).isFalse();
        run.awaitEnd();

        LiveAgent other = run(new FakeProcess(FakeAgent.obedient(
                SETTINGS,
                FakeAgent.init("dontAsk"),
                "{\"type\":\"system\",\"subtype\":\"task_started\",\"task_id\":\"b1\"}",
                "{\"type\":\"system\",\"subtype\":\"task_notification\",\"task_id\":\"b1\"}",
                FakeAgent.result("success", false, "done"))));
        assertThat(other.run(MESSAGE, events::add).result()).isPresent();
        assertThat(other.isFit()).isTrue();
        other.awaitEnd();
    }

    @Test
    void anAgentThatWasCancelledIsNotFit() throws Exception {
        LiveAgent run = run(new FakeProcess(FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"))));
        CompletableFuture<AgentEnd> end = started(run);
        Eventually.holds("the agent works", () -> !events.isEmpty());
        run.cancel();
        assertThat(end.get(60, TimeUnit.SECONDS).result()).isPresent();
        assertThat(run.isFit()).isFalse();
        run.awaitEnd();
    }

    @Test
    void whatTheReaderThrowsEndsTheMessage() {
        LiveAgent run = run(new FakeProcess(FakeAgent.obedient(SETTINGS, FakeAgent.init("dontAsk"))));
        assertThatThrownBy(() -> run.run(MESSAGE, event -> {
                    throw new CloisterException(ErrorCode.AGENT_FAILED, "other rules");
                }))
                .isInstanceOf(CloisterException.class)
                .hasMessage("other rules");
        assertThat(run.isFit()).isFalse();
        run.awaitEnd();
    }

    private CompletableFuture<AgentEnd> started(LiveAgent run) {
        return CompletableFuture.supplyAsync(() -> run.run(MESSAGE, events::add), threads);
    }
}
