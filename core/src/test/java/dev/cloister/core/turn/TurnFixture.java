package dev.cloister.core.turn;

import dev.cloister.core.agent.AgentLauncher;
import dev.cloister.core.agent.AgentSettings;
import dev.cloister.core.agent.Agents;
import dev.cloister.core.agent.Prewarming;
import dev.cloister.core.audit.Audit;
import dev.cloister.core.config.CloisterConfig.Prewarm;
import dev.cloister.core.exec.ExecService;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.sandbox.UsageBooks;
import dev.cloister.core.sandbox.WorkspaceService;
import dev.cloister.core.session.EventLogs;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.session.SessionLocks;
import dev.cloister.core.session.SessionRegistry;
import dev.cloister.core.session.Transcripts;
import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.testing.Eventually;
import dev.cloister.core.testing.FakeAgent;
import dev.cloister.core.testing.FakeBackend;
import dev.cloister.core.testing.FakeBroker;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.core.testing.ManualTimer;
import dev.cloister.core.testing.TestWorkspaces;
import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.ScriptedUpstream;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** A turn service with all its own parts, but fakes where the world begins: sandboxes, broker, agent, time. */
final class TurnFixture implements AutoCloseable {
    static final String MODEL = "claude-test";
    static final Credential CREDENTIAL = new Credential(Credential.Kind.API_KEY, "the-real-credential");
    static final TenantId STRANGER = new TenantId("f".repeat(32));
    static final int TURNS_PER_TENANT = 2;
    static final Duration TURN_TIMEOUT = Duration.ofSeconds(50);

    final InMemoryStore store = new InMemoryStore();
    final FakeBroker broker = new FakeBroker();
    final ManualTimer timer = new ManualTimer();
    final FakeBackend backend;
    final EventLogs events;
    final Tenant tenant;
    final Agents agents;
    final Prewarming prewarming;
    final TurnService turns;
    final SessionRegistry registry;
    final AtomicLong memoryAvailable = new AtomicLong(Long.MAX_VALUE);
    final AtomicLong memoryOfEach = new AtomicLong();
    final List<FakeProcess> processes = new CopyOnWriteArrayList<>();

    private final Queue<FakeProcess.Program> programs = new ConcurrentLinkedQueue<>();
    private final UsageBooks books;
    private final Queue<String> audited = new ConcurrentLinkedQueue<>();
    private final Metrics metrics = new Metrics(new SimpleMeterRegistry());
    private volatile @Nullable String unlaunchable;

    /** Each turn has an agent of its own. */
    TurnFixture(Path directory) throws IOException {
        this(directory, new Agents.Limits(Duration.ZERO, 1, Long.MAX_VALUE, 100), Prewarm.NONE);
    }

    TurnFixture(Path directory, Agents.Limits limits, Prewarm prewarm) throws IOException {
        Clock clock = Clock.systemUTC();
        tenant = store.tenantOf(
                new Fingerprint("a".repeat(32)), new UidAllocation.Shared(TestWorkspaces.tenantUid()), 1);
        backend = new FakeBackend(Files.createDirectory(directory.resolve("shares")), this::launch);
        events = new EventLogs(store, clock, 1000);
        Audit audit = (actor, action, detail) -> audited.add(action);
        AgentSettings settings = new AgentSettings(
                "/opt/agent", "1.2.3", new ToolPolicy(List.of("Bash"), List.of("Bash"), List.of()), 10, 0);
        Violations violations = new Violations(audit, metrics, "directories");
        books = new UsageBooks(metrics, store::addSandboxUsage, violations);
        WorkspaceRoot root = TestWorkspaces.in(directory);
        Sandboxes sandboxes = new Sandboxes(root, backend, metrics, books, Optional.empty(), false);
        Quota commands = new Quota("commands", 10, 10, Quota.Queue.NONE);
        ExecService execs = new ExecService(
                sandboxes,
                new WorkspaceService(root, sandboxes, commands, timer, Duration.ofMinutes(1)),
                commands,
                audit,
                violations,
                metrics,
                timer,
                1024);
        agents = new Agents(
                sandboxes, new AgentLauncher(broker, settings, timer), limits, memoryAvailable::get, metrics, timer);
        prewarming = new Prewarming(prewarm, agents, store, Optional.of(MODEL), clock);
        registry = new SessionRegistry(store, audit, clock, 100);
        turns = new TurnService(new TurnService.Parts(
                store,
                sandboxes,
                agents,
                prewarming,
                new Transcripts(execs),
                new ScriptedUpstream(),
                events,
                new SessionLocks(),
                registry,
                new Quota("turns", 10, TURNS_PER_TENANT, Quota.Queue.NONE),
                new ModelAllowList(List.of("claude-*")),
                audit,
                violations,
                metrics,
                timer,
                clock,
                TURN_TIMEOUT));
    }

    /** The agents of the next turns, each with the lines that it plays. */
    void agents(String[]... lines) {
        agent(lines, UnaryOperator.identity());
    }

    void agent(String[][] lines, UnaryOperator<FakeAgent> change) {
        for (String[] one : lines) {
            programs.add(change.apply(new FakeAgent("{}", one)));
        }
    }

    FakeProcess.Program playing(String... lines) {
        return new FakeAgent("{}", lines);
    }

    /** What the next processes do, which need not be agents. */
    void programs(FakeProcess.Program... next) {
        programs.addAll(List.of(next));
    }

    void unlaunchable(String why) {
        unlaunchable = why;
    }

    private SandboxProcess launch(ProcessSpec spec) {
        String why = unlaunchable;
        if (why != null) {
            throw new IsolationException(new Finding("no sandbox", why, "make one"));
        }
        FakeProcess.Program program = programs.remove();
        FakeProcess process = new FakeProcess(program instanceof FakeAgent agent ? agent.told(settings(spec)) : program)
                .taking(memoryOfEach::get);
        processes.add(process);
        return process;
    }

    /** As the real agent, it takes the settings from the file that it is told. */
    private static String settings(ProcessSpec spec) {
        try {
            int flag = spec.command().indexOf("--settings");
            return FakeAgent.took(JsonMapper.shared()
                    .readTree(Files.readString(Path.of(spec.command().get(flag + 1)))));
        } catch (IOException e) {
            throw new IllegalStateException("the launcher publishes the settings first", e);
        }
    }

    Turn start(Optional<SessionId> session, String text) {
        return start(session, text, MODEL);
    }

    Turn start(Optional<SessionId> session, String text, String model) {
        ArrayNode content = JsonNodeFactory.instance.arrayNode();
        content.addObject().put("type", "text").put("text", text);
        return turns.start(
                new TurnRequest(
                        new Principal(tenant, CREDENTIAL),
                        "req_1",
                        session,
                        Optional.of(model),
                        Optional.empty(),
                        List.of(),
                        content),
                () -> {});
    }

    /** How many agents wait for another turn. */
    int idle() {
        return metrics.idleAgents().get();
    }

    /** Waits until no turn runs; agents may wait for another. */
    void awaitTurnsOver() throws InterruptedException {
        Eventually.holds("all turns are over", () -> metrics.activeTurns().get() == 0);
    }

    /** Waits until nothing of any turn is left. */
    void awaitQuiet() throws InterruptedException {
        Eventually.holds("all turns are gone", () -> metrics.activeTurns().get() == 0 && backend.isQuiet());
    }

    List<String> audited(String prefix) {
        return audited.stream().filter(action -> action.startsWith(prefix)).toList();
    }

    @Override
    public void close() throws InterruptedException {
        turns.close();
        agents.close();
        awaitQuiet();
        books.close();
        events.close();
        timer.shutdownNow();
    }
}
