package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.server.wire.Texts;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Checks the body of {@code POST /v1/exec}. Thread-safe. */
final class ExecParser {
    private static final Set<String> KNOWN = Set.of("command", "stdin", "env", "cwd", "timeout_ms", "stream");
    private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");
    /** The sandbox's own: they say where a tenant may write. */
    private static final Set<String> RESERVED = Set.of("HOME", "TMPDIR");

    private static final int MAX_ARGUMENTS = 1000;

    private final WorkspacePaths paths;
    private final Duration maxTimeout;

    ExecParser(WorkspacePaths paths, Duration maxTimeout) {
        this.paths = paths;
        this.maxTimeout = maxTimeout;
    }

    /** @throws CloisterException INVALID_REQUEST that names the field */
    ExecRequest parse(ObjectNode body, Tenant tenant, String requestId) {
        Fields.onlyKnown(body, "", KNOWN);
        return new ExecRequest(
                tenant,
                requestId,
                command(Fields.value(body, "command")),
                Fields.text(body, "stdin", Integer.MAX_VALUE).orElse("").getBytes(StandardCharsets.UTF_8),
                env(Fields.value(body, "env")),
                String.join(
                        "/",
                        paths.components(
                                tenant,
                                requestId,
                                Fields.text(body, "cwd", Integer.MAX_VALUE).orElse(""))),
                Duration.ofMillis(Fields.number(body, "timeout_ms", 1, maxTimeout.toMillis())
                        .orElse(maxTimeout.toMillis())));
    }

    private static List<String> command(@Nullable JsonNode node) {
        if (node != null && node.isString()) {
            throw CloisterException.invalid("command must be a list of strings; for a shell's line send"
                    + " {\"command\":[\"/bin/sh\",\"-c\",\"…\"]}");
        }
        if (node == null || !node.isArray() || node.isEmpty() || node.size() > MAX_ARGUMENTS) {
            throw CloisterException.invalid("command must be a list of 1 to " + MAX_ARGUMENTS + " strings");
        }
        List<String> command = new ArrayList<>();
        for (JsonNode argument : node) {
            if (!argument.isString()) {
                throw CloisterException.invalid("command[" + command.size() + "] must be a string");
            }
            command.add(argument.stringValue());
        }
        if (command.getFirst().isEmpty()) {
            throw CloisterException.invalid("command[0] must name a program");
        }
        return command;
    }

    private static Map<String, String> env(@Nullable JsonNode node) {
        if (node == null) {
            return Map.of();
        }
        if (!node.isObject()) {
            throw CloisterException.invalid("env must be an object of strings");
        }
        Map<String, String> env = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> variable : node.properties()) {
            String name = variable.getKey();
            if (!VARIABLE.matcher(name).matches()) {
                throw CloisterException.invalid("env." + Texts.shown(name)
                        + " is not a variable's name: letters, digits and _, not beginning with a digit");
            }
            if (RESERVED.contains(name)) {
                throw CloisterException.invalid("env." + name + " cannot be set: the sandbox sets it");
            }
            if (!variable.getValue().isString()) {
                throw CloisterException.invalid("env." + Texts.shown(name) + " must be a string");
            }
            env.put(name, variable.getValue().stringValue());
        }
        return env;
    }
}
