package dev.cloister.core.agent;

import dev.cloister.core.broker.BrokerSession;
import dev.cloister.core.broker.BrokerTurn;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.ScriptedUpstream;
import dev.cloister.core.upstream.Upstream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * One real turn before any tenant's: the agent of the pinned version, in a sandbox, with the policy, through the broker to
 * the scripted upstream, with one tool call that must work and one that must be refused.
 */
public final class Canary {
    private static final String MODEL = "claude-canary";

    private final Sandboxes sandboxes;
    private final AgentLauncher launcher;

    public Canary(Sandboxes sandboxes, AgentLauncher launcher) {
        this.sandboxes = sandboxes;
        this.launcher = launcher;
    }

    /**
     * @param tenant stands for all; it has a workspace and a uid like any other, and is in no store
     * @return how much memory the agent took after its turn, in bytes; empty where the host cannot say
     * @throws CloisterException AGENT_FAILED saying what was not as it must be
     */
    public OptionalLong sing(Tenant tenant) {
        String word = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
        List<AgentEvent> seen = new ArrayList<>();
        AgentEnd end;
        OptionalLong memory;
        try (Upstream scripted = new ScriptedUpstream();
                Sandboxes.Use use = sandboxes.use(tenant)) {
            SessionId session = SessionId.random();
            Credential credential = new Credential(Credential.Kind.API_KEY, "canary");
            try (AgentLauncher.Started started = launcher.start(
                    use.sandbox(),
                    new BrokerSession(tenant.id(), session),
                    new AgentStart(new Conversation.Fresh(session), MODEL, "", credential.kind()))) {
                end = started.run(new BrokerTurn(List.of(MODEL), credential, scripted), message(word), seen::add);
                memory = started.agent().memory();
            }
        }
        check(end, seen, word);
        return memory;
    }

    /** {@code echo} is allowed by every preset; {@code /proc} by none. */
    private ArrayNode message(String word) {
        ArrayNode steps = JsonNodeFactory.instance.arrayNode();
        steps.addObject()
                .put("tool", "Bash")
                .putObject("input")
                .put("command", "echo " + word)
                .put("description", "canary");
        steps.addObject().put("tool", "Read").putObject("input").put("file_path", "/proc/version");
        ArrayNode content = JsonNodeFactory.instance.arrayNode();
        content.addObject()
                .put("type", "text")
                .put("text", "```script\n" + JsonMapper.shared().writeValueAsString(steps) + "\n```");
        return content;
    }

    private void check(AgentEnd end, List<AgentEvent> seen, String word) {
        if (end.outOfMemory()) {
            throw failed("it reached the memory limit; raise isolation.memory");
        }
        AgentEvent.Result result = end.result()
                .orElseThrow(() ->
                        failed("it ended without a result: " + end.complaint().strip()));
        if (result.failed()) {
            throw failed("its turn failed: " + result.text());
        }
        AgentEvent.Init init = seen.stream()
                .filter(AgentEvent.Init.class::isInstance)
                .map(AgentEvent.Init.class::cast)
                .findFirst()
                .orElseThrow(() -> failed("it did not introduce itself"));
        AgentSettings settings = launcher.settings();
        if (!init.version().equals(settings.version())) {
            throw failed("it is version " + init.version() + ", and Cloister is made for " + settings.version()
                    + "; start through ./cloister, which installs that one");
        }
        Set<String> tools = new TreeSet<>(init.tools());
        tools.removeAll(settings.policy().tools());
        if (!tools.isEmpty()) {
            throw failed("it has tools that it was not given: " + tools);
        }
        List<AgentEvent.ToolResult> results = seen.stream()
                .filter(AgentEvent.ToolResult.class::isInstance)
                .map(AgentEvent.ToolResult.class::cast)
                .toList();
        if (results.isEmpty()
                || results.getFirst().isError()
                || !results.getFirst().content().contains(word)) {
            throw failed("its tool call did not run: "
                    + (results.isEmpty() ? "no result" : results.getFirst().content()));
        }
        // A denied path is an error of the tool, not an entry among the result's denials.
        if (results.size() < 2 || !results.get(1).isError()) {
            throw failed("a tool call that the policy forbids was not refused");
        }
    }

    private static CloisterException failed(String why) {
        return new CloisterException(ErrorCode.AGENT_FAILED, "the agent's trial turn failed: " + why);
    }
}
