package dev.cloister.cli.attack;

import dev.cloister.cli.demo.Client;
import dev.cloister.core.agent.AgentEnd;
import dev.cloister.core.agent.AgentEvent;
import dev.cloister.core.agent.AgentLauncher;
import dev.cloister.core.agent.AgentSettings;
import dev.cloister.core.agent.AgentStart;
import dev.cloister.core.agent.Conversation;
import dev.cloister.core.agent.StreamJson;
import dev.cloister.core.broker.BrokerChannel;
import dev.cloister.core.broker.BrokerSession;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.core.broker.UnixSocketBroker;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.isolation.tck.Hand;
import dev.cloister.isolation.tck.Means;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.isolation.tck.UnfinishedException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SharedDirectory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * The real agent and the real broker in front of the scripted upstream, for any sandbox. Not thread-safe; closing it ends
 * the broker.
 */
final class AgentPlace implements AutoCloseable {
    private static final TenantId TENANT = new TenantId("a".repeat(32));
    private static final Credential CREDENTIAL = new Credential(Credential.Kind.API_KEY, "the-attacked-credential");
    private static final long PATIENCE_SECONDS = 60;
    private static final String FAILED = "the agent failed: ";

    private final Overheard upstream = new Overheard();
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().name("attack-timer").daemon(true).factory());
    private final String executable;
    private final UnixSocketBroker broker;
    private final AgentLauncher launcher;

    /** @param config without an agent's program in it, only the broker can be used */
    AgentPlace(CloisterConfig config) {
        executable = config.agent().executable().map(Path::toString).orElse("");
        Metrics metrics = new Metrics(new SimpleMeterRegistry());
        broker = new UnixSocketBroker(
                metrics,
                new Violations((actor, action, detail) -> {}, metrics, "attack"),
                usage -> {},
                config.broker(),
                config.models().prices(),
                Clock.systemUTC());
        launcher = new AgentLauncher(
                broker,
                new AgentSettings(
                        executable,
                        AgentSettings.PINNED_VERSION,
                        ToolPolicy.of(config.policy()),
                        config.agent().maxTurns(),
                        0),
                timer);
    }

    /** A socket of the broker in a sandbox, as the tenant sees it and as the host does. */
    record Socket(String inner, Path host, BrokerChannel channel, SharedDirectory share) implements AutoCloseable {
        @Override
        public void close() {
            channel.close();
            share.close();
        }
    }

    Socket socket(SandboxTenant tenant) {
        SharedDirectory share = tenant.sandbox().share();
        Path host = share.host().resolve("api");
        BrokerChannel channel = broker.open(host, session(SessionId.random()));
        channel.serve(turn());
        share.admit(host);
        return new Socket(share.inner() + "/api", host, channel, share);
    }

    boolean upstreamHeard(String word) {
        return upstream.heard().contains(word);
    }

    private BrokerSession session(SessionId id) {
        return new BrokerSession(TENANT, id);
    }

    private BrokerTurn turn() {
        return new BrokerTurn(List.of(Client.MODEL), CREDENTIAL, upstream);
    }

    /** The agent as Cloister runs it, with its rules. */
    Hand agent(SandboxTenant attacker) {
        return (means, told) -> talk(means, told, attacker, (conversation, prompt, said) -> {
            AgentStart start = new AgentStart(conversation, Client.MODEL, "", CREDENTIAL.kind());
            try (AgentLauncher.Started started =
                    launcher.start(attacker.sandbox(), session(conversation.id()), start)) {
                Impatience impatience = impatience(attacker, started.agent()::cancel);
                AgentEnd end = started.run(turn(), content(prompt), event -> note(event, said));
                impatience.end();
                if (!end.begun()) {
                    String why = end.outOfMemory() ? "it was ended for want of memory. " : "";
                    throw new UnfinishedException("the agent did not begin: " + why + end.complaint());
                }
            } catch (CloisterException e) {
                said.append(FAILED).append(e.getMessage()).append('\n');
            }
        });
    }

    /**
     * Ends an agent after a while; what it was to do is then unfinished.
     *
     * @param over whether that happened
     */
    private record Impatience(ScheduledFuture<?> planned, AtomicBoolean over) {
        void end() throws UnfinishedException {
            planned.cancel(false);
            if (over.get()) {
                throw new UnfinishedException("the agent did not come to an end in time");
            }
        }
    }

    private Impatience impatience(SandboxTenant attacker, Runnable end) {
        AtomicBoolean over = new AtomicBoolean();
        long patience = PATIENCE_SECONDS * attacker.sandbox().slowness();
        return new Impatience(
                timer.schedule(
                        () -> {
                            over.set(true);
                            end.run();
                        },
                        patience,
                        TimeUnit.SECONDS),
                over);
    }

    /**
     * Makes sure that the agent runs in a sandbox: one that does not is stopped at nothing.
     *
     * @throws CloisterException INTERNAL if it does not answer
     */
    void prove(SandboxTenant attacker) throws IOException, InterruptedException {
        String said;
        try {
            said = agent(attacker).make(new Means.Talk("", List.of("Hello."), ""), Map.of());
        } catch (UnfinishedException e) {
            said = FAILED + e.getMessage();
        }
        if (said.isBlank() || said.contains(FAILED)) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the agent does not run in "
                            + attacker.sandbox().ref().mode().id() + " mode, so it proves nothing there: "
                            + said.strip());
        }
    }

    /** The agent as anybody starts it, allowed everything: what lies in a workspace or HOME configures it. */
    Hand bareAgent(SandboxTenant attacker) {
        return (means, told) -> talk(means, told, attacker, (conversation, prompt, said) -> {
            try (Socket socket = socket(attacker)) {
                SandboxProcess process = attacker.sandbox().launch(bare(conversation, socket.inner(), attacker));
                Impatience impatience = impatience(attacker, () -> process.terminate(Duration.ZERO));
                Thread.ofPlatform().daemon(true).start(() -> drain(process));
                try (OutputStream in = process.stdin()) {
                    in.write(prompt.getBytes(StandardCharsets.UTF_8));
                }
                try (BufferedReader lines =
                        new BufferedReader(new InputStreamReader(process.stdout(), StandardCharsets.UTF_8))) {
                    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                        // Killed by an attack of its own, it may end within a line.
                        if (line.startsWith("{") && line.endsWith("}")) {
                            StreamJson.parse(line).forEach(event -> note(event, said));
                        }
                    }
                }
                impatience.end();
                process.terminate(Duration.ofSeconds(2));
            }
        });
    }

    private ProcessSpec bare(Conversation conversation, String socket, SandboxTenant attacker) {
        List<String> command = new ArrayList<>(List.of(
                executable,
                "--print",
                "--verbose",
                "--output-format",
                "stream-json",
                "--model",
                Client.MODEL,
                "--allowedTools",
                String.join(",", launcher.settings().policy().tools()),
                "--add-dir",
                "/"));
        command.addAll(conversation.arguments());
        return new ProcessSpec(
                command,
                Map.of(
                        "ANTHROPIC_API_KEY", "sk-ant-api03-nobodys",
                        "ANTHROPIC_UNIX_SOCKET", socket,
                        "ANTHROPIC_BASE_URL", "http://broker.internal",
                        "ANTHROPIC_SMALL_FAST_MODEL", Client.MODEL,
                        "ANTHROPIC_DEFAULT_HAIKU_MODEL", Client.MODEL,
                        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1",
                        "DISABLE_AUTOUPDATER", "1"),
                attacker.sandbox().paths().work());
    }

    private static void drain(SandboxProcess process) {
        try {
            process.stderr().transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            // It was ended.
            return;
        }
    }

    /** One turn; what its tools answered goes to {@code said}. */
    private interface Turn {
        void take(Conversation conversation, String prompt, StringBuilder said)
                throws IOException, InterruptedException, UnfinishedException;
    }

    /** What the attacker sees is what its tools answered, and all that its model got. */
    private String talk(Means means, Map<String, String> told, SandboxTenant attacker, Turn turn)
            throws IOException, InterruptedException, UnfinishedException {
        if (!(means instanceof Means.Talk talk)) {
            throw new IllegalArgumentException("an agent is talked to");
        }
        StringBuilder said = new StringBuilder();
        shell(attacker, talk.before(), told);
        upstream.forget();
        SessionId id = SessionId.random();
        Conversation conversation = new Conversation.Fresh(id);
        for (String prompt : talk.prompts()) {
            turn.take(conversation, filled(prompt, told), said);
            conversation = new Conversation.Resumed(id);
        }
        String after = shell(attacker, talk.after(), told);
        return said + after + upstream.heard();
    }

    private static String shell(SandboxTenant attacker, String text, Map<String, String> told)
            throws IOException, InterruptedException {
        return text.isEmpty() ? "" : attacker.run(List.of("/bin/sh", "-c", text), told);
    }

    private static String filled(String prompt, Map<String, String> told) {
        String filled = prompt;
        for (Map.Entry<String, String> entry : told.entrySet()) {
            filled = filled.replace("${" + entry.getKey() + "}", entry.getValue());
        }
        return filled;
    }

    private static ArrayNode content(String prompt) {
        ArrayNode content = JsonNodeFactory.instance.arrayNode();
        content.addObject().put("type", "text").put("text", prompt);
        return content;
    }

    private static void note(AgentEvent event, StringBuilder said) {
        if (event instanceof AgentEvent.ToolResult result) {
            said.append(result.content()).append('\n');
        }
    }

    @Override
    public void close() {
        broker.close();
        upstream.close();
        timer.shutdownNow();
    }
}
