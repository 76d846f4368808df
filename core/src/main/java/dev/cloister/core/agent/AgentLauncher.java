package dev.cloister.core.agent;

import dev.cloister.core.broker.Broker;
import dev.cloister.core.broker.BrokerChannel;
import dev.cloister.core.broker.BrokerSession;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SharedDirectory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Consumer;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Starts the agent in a sandbox with its broker socket and its settings, and takes all of it away again. Thread-safe. */
public final class AgentLauncher {
    private final Broker broker;
    private final AgentSettings settings;
    private final ScheduledExecutorService timer;

    public AgentLauncher(Broker broker, AgentSettings settings, ScheduledExecutorService timer) {
        this.broker = broker;
        this.settings = settings;
        this.timer = timer;
    }

    public AgentSettings settings() {
        return settings;
    }

    /** A started agent and what was opened for it. Closing waits for its end, then removes the socket and the files. */
    public record Started(LiveAgent agent, BrokerChannel channel, SharedDirectory share) implements AutoCloseable {
        /** Runs a turn, as {@link LiveAgent#run}, with the broker open for it and for no longer. */
        public AgentEnd run(BrokerTurn turn, ArrayNode content, Consumer<AgentEvent> events) {
            channel.serve(turn);
            try {
                return agent.run(content, events);
            } finally {
                channel.rest();
            }
        }

        @Override
        public void close() {
            try {
                agent.awaitEnd();
            } finally {
                try {
                    channel.close();
                } finally {
                    share.close();
                }
            }
        }
    }

    public Started start(Sandbox sandbox, BrokerSession session, AgentStart start) {
        SharedDirectory share = sandbox.share();
        try {
            Path socket = share.host().resolve("api");
            BrokerChannel channel = broker.open(socket, session);
            try {
                share.admit(socket);
                ObjectNode rendered = settings.policy().settings();
                AgentPlan plan = new AgentPlan(
                        settings.executable(),
                        start.conversation(),
                        start.model(),
                        settings.policy(),
                        start.credentialKind(),
                        share.inner() + "/api",
                        share.publish("settings.json", rendered.toString().getBytes(StandardCharsets.UTF_8)),
                        start.system().isEmpty()
                                ? Optional.empty()
                                : Optional.of(share.publish(
                                        "system.md", start.system().getBytes(StandardCharsets.UTF_8))),
                        settings.maxTurns(),
                        settings.upstreamRetries());
                SandboxProcess process =
                        sandbox.launch(plan.processSpec(sandbox.paths().work()));
                return new Started(
                        new LiveAgent(process, rendered, LiveAgent.HANDSHAKE.multipliedBy(sandbox.slowness()), timer),
                        channel,
                        share);
            } catch (RuntimeException e) {
                channel.close();
                throw e;
            }
        } catch (RuntimeException e) {
            share.close();
            throw e;
        }
    }
}
