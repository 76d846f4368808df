package dev.cloister.core.policy;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ToolRule;
import dev.cloister.core.error.CloisterException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The rules under which the agent may use its tools, and the settings that say so. Rules keep an honest agent tidy; they do
 * not stop a hostile one, because any interpreter it may run can do what a rule forbids. The sandbox is the wall.
 *
 * @param tools the tools the agent has at all
 * @param allow what it may do without asking; all else is refused, for nobody is there to be asked
 * @param deny what it may not do even so
 */
public record ToolPolicy(List<String> tools, List<String> allow, List<String> deny) {
    private static final List<String> BASIC_TOOLS = List.of("Bash", "Read", "Edit", "Write", "Glob", "Grep");
    /** Where processes show their secrets; an agent has no business there. Both rules: Edit also governs Write. */
    private static final List<String> ALWAYS_DENIED =
            List.of("Read(//proc/**)", "Edit(//proc/**)", "Read(//sys/**)", "Edit(//sys/**)");

    public ToolPolicy {
        tools = List.copyOf(tools);
        allow = checked("policy.allow", allow);
        deny = checked("policy.deny", deny);
    }

    private static List<String> checked(String key, List<String> rules) {
        for (String rule : rules) {
            if (!ToolRule.isOne(rule)) {
                throw CloisterException.invalid(
                        key + ": \"" + rule
                                + "\" is not a rule; write a tool's name such as Bash, or Tool(pattern) such as Read(./docs/**)");
            }
        }
        return List.copyOf(rules);
    }

    /** The preset asked for, with the operator's own rules added. */
    public static ToolPolicy of(CloisterConfig.Policy config) {
        return switch (config.preset()) {
            case STRICT ->
                new ToolPolicy(
                        BASIC_TOOLS,
                        join(
                                List.of(
                                        "Read(./**)",
                                        "Edit(./**)",
                                        "Bash(git status:*)",
                                        "Bash(git diff:*)",
                                        "Bash(git log:*)",
                                        "Bash(ls:*)"),
                                config.allow()),
                        join(ALWAYS_DENIED, List.of("Bash(ps:*)", "Bash(curl:*)", "Bash(wget:*)"), config.deny()));
            case BALANCED ->
                new ToolPolicy(
                        BASIC_TOOLS,
                        join(List.of("Bash", "Read(./**)", "Edit(./**)"), config.allow()),
                        join(ALWAYS_DENIED, config.deny()));
            case OPEN -> {
                List<String> tools = join(BASIC_TOOLS, List.of("NotebookEdit", "Task", "WebFetch", "WebSearch"));
                yield new ToolPolicy(tools, join(tools, config.allow()), join(ALWAYS_DENIED, config.deny()));
            }
        };
    }

    @SafeVarargs
    private static List<String> join(List<String>... lists) {
        Set<String> all = new LinkedHashSet<>();
        for (List<String> list : lists) {
            all.addAll(list);
        }
        return List.copyOf(all);
    }

    /**
     * The settings for the agent. A value that it finds invalid would make it drop all of them in silence, so what it made
     * of them is read back before the first message.
     */
    public ObjectNode settings() {
        ObjectNode settings = JsonNodeFactory.instance.objectNode();
        ObjectNode permissions = settings.putObject("permissions");
        ArrayNode allowed = permissions.putArray("allow");
        allow.forEach(allowed::add);
        ArrayNode denied = permissions.putArray("deny");
        deny.forEach(denied::add);
        permissions.put("defaultMode", "dontAsk");
        // A string: the boolean true would invalidate everything.
        permissions.put("disableBypassPermissionsMode", "disable");
        settings.put("disableAllHooks", true);
        settings.put("includeGitInstructions", false);
        settings.put("autoMemoryEnabled", false);
        return settings;
    }
}
