package dev.cloister.core.upstream;

import dev.cloister.core.error.CloisterException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What a user message tells the scripted upstream to play: a list of assistant turns, the last without a tool. */
record Script(List<Turn> turns) {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Set<Integer> STATUSES = Set.of(400, 401, 403, 404, 413, 429, 500, 529);
    private static final String FENCE = "```";
    private static final int LONGEST_DELAY_MS = 600_000;
    private static final int MOST_CHUNKS = 10_000;

    Script {
        turns = List.copyOf(turns);
    }

    /**
     * One assistant message.
     *
     * @param before delays, errors and texts, in the script's order
     * @param tool empty in the last turn
     */
    record Turn(List<Step> before, Optional<Step.Tool> tool) {
        Turn {
            before = List.copyOf(before);
        }
    }

    /**
     * The last script in a user's text, or empty if it holds none.
     *
     * @throws CloisterException INVALID_REQUEST saying what is wrong with the script, and where
     */
    static Optional<Script> in(String text) {
        List<String> lines = text.lines().toList();
        for (int start = lines.size() - 1; start >= 0; start--) {
            if (lines.get(start).strip().equals(FENCE + "script")) {
                return Optional.of(parse(block(lines, start + 1)));
            }
        }
        return Optional.empty();
    }

    static boolean isIn(String text) {
        return text.lines().anyMatch(line -> line.strip().equals(FENCE + "script"));
    }

    private static String block(List<String> lines, int from) {
        for (int end = from; end < lines.size(); end++) {
            if (lines.get(end).strip().equals(FENCE)) {
                return String.join("\n", lines.subList(from, end));
            }
        }
        throw CloisterException.invalid("the script is not closed: end it with a line that holds only " + FENCE);
    }

    private static Script parse(String json) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException e) {
            throw CloisterException.invalid("the script is not valid JSON at line %d, column %d: %s"
                    .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr(), e.getOriginalMessage()));
        }
        if (!root.isArray()) {
            throw CloisterException.invalid("the script must be a JSON array of steps");
        }
        List<Turn> turns = new ArrayList<>();
        List<Step> before = new ArrayList<>();
        int index = 0;
        for (JsonNode node : root) {
            index++;
            Step step = step(node, index);
            if (step instanceof Step.Tool tool) {
                turns.add(new Turn(before, Optional.of(tool)));
                before.clear();
            } else {
                before.add(step);
            }
        }
        turns.add(new Turn(before, Optional.empty()));
        return new Script(turns);
    }

    private static Step step(JsonNode node, int index) {
        if (!(node instanceof ObjectNode step)) {
            throw wrong(index, "a step is a JSON object");
        }
        if (step.has("tool")) {
            only(step, index, Set.of("tool", "input"));
            String name = required(
                            step,
                            index,
                            "tool",
                            value -> value.isString() && !value.stringValue().isEmpty())
                    .stringValue();
            ObjectNode input = (ObjectNode) required(step, index, "input", JsonNode::isObject);
            return new Step.Tool(name, input);
        }
        if (step.has("text")) {
            only(step, index, Set.of("text", "chunks", "chunk_delay_ms"));
            String text = required(step, index, "text", JsonNode::isString).stringValue();
            int chunks = integer(step, index, "chunks", 1, MOST_CHUNKS).orElse(1);
            int pause =
                    integer(step, index, "chunk_delay_ms", 0, LONGEST_DELAY_MS).orElse(0);
            return new Step.Text(text, chunks, Duration.ofMillis(pause));
        }
        if (step.has("delay_ms")) {
            only(step, index, Set.of("delay_ms"));
            int delay = integer(step, index, "delay_ms", 0, LONGEST_DELAY_MS).orElse(0);
            return new Step.Delay(Duration.ofMillis(delay));
        }
        if (step.has("error")) {
            only(step, index, Set.of("error", "retry_after", "times"));
            int status = integer(step, index, "error", 0, 999).orElse(0);
            if (!STATUSES.contains(status)) {
                throw wrong(
                        index,
                        "\"error\" must be one of " + STATUSES.stream().sorted().toList());
            }
            OptionalInt retryAfter = integer(step, index, "retry_after", 0, 86_400);
            return new Step.Failure(index, status, retryAfter, integer(step, index, "times", 1, 1000));
        }
        throw wrong(index, "a step has \"tool\", \"text\", \"delay_ms\" or \"error\"");
    }

    private static void only(ObjectNode step, int index, Set<String> allowed) {
        for (String name : step.propertyNames()) {
            if (!allowed.contains(name)) {
                throw wrong(
                        index,
                        "\"" + name + "\" does not belong here; this kind of step has "
                                + allowed.stream().sorted().toList());
            }
        }
    }

    private static JsonNode required(ObjectNode step, int index, String name, Predicate<JsonNode> shape) {
        JsonNode value = step.path(name);
        if (!shape.test(value)) {
            throw wrong(index, "\"" + name + "\" is missing or of the wrong type");
        }
        return value;
    }

    private static OptionalInt integer(ObjectNode step, int index, String name, int least, int most) {
        JsonNode value = step.path(name);
        if (value.isMissingNode()) {
            return OptionalInt.empty();
        }
        if (!value.isIntegralNumber()
                || !value.canConvertToInt()
                || value.intValue() < least
                || value.intValue() > most) {
            throw wrong(index, "\"%s\" must be a whole number from %d to %d".formatted(name, least, most));
        }
        return OptionalInt.of(value.intValue());
    }

    private static CloisterException wrong(int index, String what) {
        return CloisterException.invalid("script, step " + index + ": " + what);
    }
}
