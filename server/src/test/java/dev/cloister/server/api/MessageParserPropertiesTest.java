package dev.cloister.server.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A body that is valid but for one or two places, which hold anything: it is understood, or refused with a word on why. */
class MessageParserPropertiesTest {
    private static final String VALID = """
            {"model":"claude-sonnet-5","max_tokens":16,"stream":false,"metadata":{"user_id":"u"},
             "system":[{"type":"text","text":"be brief"}],"session_id":"123e4567-e89b-42d3-a456-426614174000",
             "messages":[{"role":"user","content":"one"},{"role":"assistant","content":[{"type":"text","text":"two"}]},
                         {"role":"user","content":[{"type":"text","text":"three"}]}]}
            """;
    private static final List<String> VALUES = List.of(
            "null",
            "true",
            "0",
            "-1",
            "1e400",
            "123456789012345678901234567890",
            "\"\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "[]",
            "{}",
            "[[]]",
            "[null]",
            "[{\"type\":\"text\"}]",
            "[{\"type\":\"image\",\"source\":{}}]",
            "{\"type\":7}",
            "[{\"type\":\"tool_result\",\"content\":null}]",
            "\"123e4567-e89b-42d3-a456-42661417400g\"",
            "\"../../x\"");

    private final MessageParser parser = new MessageParser(JsonMapper.shared(), 1 << 16);

    /** All places of a document: an object's fields and an array's elements. */
    private static int places(JsonNode node) {
        int sum = node.size();
        for (JsonNode child : node) {
            sum += places(child);
        }
        return sum;
    }

    /** Puts a value into one place; returns how many places are left to go, less than 0 once it is done. */
    private static int put(JsonNode node, int place, JsonNode value) {
        int left = place;
        List<String> names = new ArrayList<>(node.propertyNames());
        for (int i = 0; i < node.size(); i++) {
            if (left == 0) {
                switch (node) {
                    case ObjectNode object -> object.set(names.get(i), value);
                    case ArrayNode array -> array.set(i, value);
                    default -> throw new IllegalStateException("it has no children");
                }
                return -1;
            }
            left = put(node instanceof ObjectNode ? node.path(names.get(i)) : node.path(i), left - 1, value);
            if (left < 0) {
                return left;
            }
        }
        return left;
    }

    private static ObjectNode valid() {
        return (ObjectNode) JsonMapper.shared().readTree(VALID);
    }

    @Provide
    Arbitrary<String> values() {
        return Arbitraries.of(VALUES);
    }

    @Property
    void anyValueInAnyPlaceIsUnderstoodOrRefused(
            @ForAll int place, @ForAll("values") String value, @ForAll int other, @ForAll("values") String another) {
        ObjectNode body = valid();
        put(body, Math.floorMod(place, places(body)), JsonMapper.shared().readTree(value));
        put(body, Math.floorMod(other, places(body)), JsonMapper.shared().readTree(another));
        try {
            assertThat(parser.parse(body)).isNotNull();
        } catch (CloisterException refused) {
            assertThat(refused.code())
                    .as(refused.getMessage())
                    .isIn(ErrorCode.INVALID_REQUEST, ErrorCode.TOO_LARGE, ErrorCode.NOT_FOUND);
            assertThat(refused.getMessage()).isNotBlank();
        }
    }

    /** Otherwise the other property would only see refusals. */
    @Property(tries = 1)
    void theBodyThatIsVariedIsUnderstood() {
        assertThat(parser.parse(valid())).isNotNull();
    }
}
