package dev.cloister.isolation.microvm.firecracker;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** What Firecracker's published description of its API says of requests: {@code api.json}. Unknown members are wrong, as they are there. */
record Description(JsonNode root) {
    static Description read() {
        try (InputStream in = Objects.requireNonNull(Description.class.getResourceAsStream("api.json"))) {
            return new Description(new ObjectMapper().readTree(in));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a kind of request is named there; empty if it is not. */
    Optional<String> name(String method, String path) {
        String name = method + " " + path.replaceFirst("^/drives/[A-Za-z0-9_]+$", "/drives/{drive_id}");
        return root.path("requests").has(name) ? Optional.of(name) : Optional.empty();
    }

    /** In which state it is taken: {@code fresh}, {@code before} or {@code after} the start, or {@code paused}. */
    String when(String name) {
        return root.path("requests").path(name).path("when").asString();
    }

    /** What is wrong with a body; nothing if it is as described. */
    List<String> wrong(String name, JsonNode body) {
        return wrongIn(root.path("requests").path(name).path("body").asString(), body);
    }

    private List<String> wrongIn(String type, JsonNode body) {
        JsonNode members = root.path("types").path(type);
        if (!body.isObject() || !members.isObject()) {
            return List.of("no " + type);
        }
        List<String> wrong = new ArrayList<>();
        for (Map.Entry<String, JsonNode> member : members.properties()) {
            if (body.has(member.getKey())) {
                wrong.addAll(wrongValue(member.getKey(), member.getValue(), body.path(member.getKey())));
            } else if (member.getValue().path("required").asBoolean(false)) {
                wrong.add("missing field `" + member.getKey() + "`");
            }
        }
        for (Map.Entry<String, JsonNode> member : body.properties()) {
            if (!members.has(member.getKey())) {
                wrong.add("unknown field `" + member.getKey() + "`");
            }
        }
        return wrong;
    }

    private List<String> wrongValue(String member, JsonNode rule, JsonNode value) {
        String type = rule.path("type").asString();
        return switch (type) {
            case "string" ->
                value.isString() && (!rule.has("enum") || contains(rule.path("enum"), value.asString()))
                        ? List.of()
                        : List.of("wrong value of `" + member + "`");
            case "boolean" -> value.isBoolean() ? List.of() : List.of("wrong type of `" + member + "`");
            case "integer" ->
                value.isIntegralNumber()
                                && value.asLong() >= rule.path("minimum").asLong(0)
                                && value.asLong() <= rule.path("maximum").asLong(Long.MAX_VALUE)
                        ? List.of()
                        : List.of("wrong value of `" + member + "`");
            default -> wrongIn(type, value);
        };
    }

    private static boolean contains(JsonNode values, String value) {
        for (JsonNode one : values) {
            if (one.asString().equals(value)) {
                return true;
            }
        }
        return false;
    }
}
