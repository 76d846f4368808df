package dev.cloister.cli.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * sandbox-agent: the Agent Client Protocol over HTTP in front of an adapter process for each client, which keeps a process of
 * the agent's program for each session. It would download the adapter from a list on the web; here npm has installed it, and
 * it is put where sandbox-agent looks for it first.
 *
 * @see <a href="https://agentclientprotocol.com/protocol/overview">Agent Client Protocol</a>
 */
final class SandboxAgent {
    static final String NAME = "sandbox-agent";

    private final TurnClient client;
    private final Peers.Running running;
    private final String work;
    private int sessions;
    /** What ran before the session that is to end. */
    private Set<Long> before = Set.of();

    private SandboxAgent(TurnClient client, Peers.Running running, String work) {
        this.client = client;
        this.running = running;
        this.work = work;
    }

    static List<TurnWay> start(Peers peers, TurnClient client) throws IOException, InterruptedException {
        boolean arm = System.getProperty("os.arch").equals("aarch64");
        String binary = "@sandbox-agent/cli-linux-" + (arm ? "arm64" : "x64") + "/bin/sandbox-agent";
        Path program = peers.executable(peers.program(binary), NAME);
        peers.script(
                NAME + "/home/.local/share/sandbox-agent/bin/agent_processes/claude-acp",
                "exec node '" + peers.program("@zed-industries/claude-agent-acp/dist/index.js") + "' \"$@\"");
        int port = Peers.freePort();
        List<String> command =
                List.of(program.toString(), "server", "--no-token", "--no-telemetry", "--port", Integer.toString(port));
        Map<String, String> more =
                Map.of("CLAUDE_CODE_EXECUTABLE", peers.executable().toString());
        SandboxAgent server = new SandboxAgent(
                client,
                peers.start(NAME, port, command, more, "/v1/health"),
                peers.work(NAME).toString());
        return List.of(server.new Cold(), server.new Warm());
    }

    /** A client's connection with one session. */
    private final class Session {
        private final URI uri;
        private final BufferedReader events;
        private final String id;
        private int calls = 1;

        Session() throws IOException, InterruptedException {
            uri = running.base().resolve("/v1/acp/bench-" + ++sessions);
            ObjectNode hello = JsonMapper.shared().createObjectNode().put("protocolVersion", 1);
            hello.putObject("clientCapabilities");
            client.call("POST", URI.create(uri + "?agent=claude"), Optional.of(request("initialize", hello)));
            events = client.events(uri);
            ObjectNode session = JsonMapper.shared().createObjectNode().put("cwd", work);
            session.putArray("mcpServers");
            id = client.call("POST", uri, Optional.of(request("session/new", session)))
                    .path("result")
                    .path("sessionId")
                    .asString("");
            if (id.isEmpty()) {
                throw new IOException("it made no session");
            }
        }

        private ObjectNode request(String method, ObjectNode parameters) {
            ObjectNode request = JsonMapper.shared()
                    .createObjectNode()
                    .put("jsonrpc", "2.0")
                    .put("id", calls++)
                    .put("method", method);
            request.set("params", parameters);
            return request;
        }

        private ObjectNode named() {
            return JsonMapper.shared().createObjectNode().put("sessionId", id);
        }

        TurnTime prompt(String message, long began) throws IOException {
            TurnTime.Watch watch = new TurnTime.Watch(began);
            ObjectNode parameters = named();
            parameters.putArray("prompt").addObject().put("type", "text").put("text", message);
            ObjectNode prompt = request("session/prompt", parameters);
            CompletableFuture<?> answered = client.sendAside("POST", uri, Optional.of(prompt));
            for (String line = events.readLine(); line != null; line = events.readLine()) {
                long at = System.nanoTime();
                Optional<JsonNode> event = TurnClient.event(line);
                if (event.isEmpty()) {
                    continue;
                }
                JsonNode update = event.get().path("params").path("update");
                if (update.path("sessionUpdate").asString("").equals("agent_message_chunk")) {
                    watch.event(at, update.path("content").path("text").asString(""));
                } else if (event.get().path("id").equals(prompt.path("id"))) {
                    if (!event.get().has("result")) {
                        throw new IOException("the turn failed: " + event.get());
                    }
                    TurnTime time = watch.end();
                    answered.join();
                    return time;
                }
            }
            throw new IOException("its events ended in the middle of a turn");
        }

        void close() throws IOException, InterruptedException {
            client.call("POST", uri, Optional.of(request("session/close", named())));
            events.close();
            endAdapter();
        }
    }

    private Set<Long> processes() {
        return running.process().descendants().map(ProcessHandle::pid).collect(Collectors.toSet());
    }

    /** Its own way to end a client's adapter, DELETE, was seen never to answer. */
    private void endAdapter() {
        List<ProcessHandle> mine = running.process()
                .descendants()
                .filter(process -> !before.contains(process.pid()))
                .toList();
        mine.forEach(ProcessHandle::destroyForcibly);
        mine.forEach(process -> process.onExit().join());
    }

    /** The first turn of a client that was not there before. */
    private final class Cold implements TurnWay {
        private @Nullable Session session;

        @Override
        public String name() {
            return NAME + " cold";
        }

        @Override
        public TurnTime turn(String message) throws IOException, InterruptedException {
            before = processes();
            long began = System.nanoTime();
            Session fresh = new Session();
            session = fresh;
            return fresh.prompt(message, began);
        }

        @Override
        public void done() throws IOException, InterruptedException {
            if (session != null) {
                session.close();
            }
        }
    }

    /** A later turn of a session. */
    private final class Warm implements TurnWay {
        private @Nullable Session session;

        @Override
        public String name() {
            return NAME + " warm";
        }

        @Override
        public void prepare() throws IOException, InterruptedException {
            if (session == null) {
                Session first = new Session();
                first.prompt("first", System.nanoTime());
                session = first;
            }
        }

        @Override
        public TurnTime turn(String message) throws IOException, InterruptedException {
            if (session == null) {
                throw new IllegalStateException("not prepared");
            }
            return session.prompt(message, System.nanoTime());
        }
    }
}
