package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Strict JSON: one object, no key twice, no text that is not Unicode. Thread-safe. */
public final class Json {
    private final JsonMapper mapper;
    private final int depth;

    /** @param depth how deep objects and arrays may be nested */
    public Json(int depth) {
        this.depth = depth;
        this.mapper = JsonMapper.builder(JsonFactory.builder()
                        .streamReadConstraints(StreamReadConstraints.builder()
                                .maxNestingDepth(depth)
                                .maxStringLength(Integer.MAX_VALUE)
                                .maxNumberLength(100)
                                .maxNameLength(1000)
                                .build())
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .build())
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();
    }

    public JsonMapper mapper() {
        return mapper;
    }

    /**
     * Reads one object.
     *
     * @param mayHoldNul the name of the one top-level field whose text may hold NUL; empty if there is none
     * @throws CloisterException INVALID_REQUEST that says where, and never quotes what was sent
     */
    public ObjectNode object(byte[] body, String mayHoldNul) {
        JsonNode root = parse(text(body));
        if (!(root instanceof ObjectNode object)) {
            throw CloisterException.invalid("the body must be a JSON object");
        }
        for (Map.Entry<String, JsonNode> field : object.properties()) {
            Texts.require("a field's name", field.getKey(), false);
            check(Texts.shown(field.getKey()), field.getValue(), field.getKey().equals(mayHoldNul));
        }
        return object;
    }

    private static String text(byte[] body) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(body))
                    .toString();
        } catch (CharacterCodingException e) {
            throw CloisterException.invalid("the body is not UTF-8; encode the JSON as UTF-8");
        }
    }

    private JsonNode parse(String text) {
        if (text.isBlank()) {
            throw CloisterException.invalid("the body is empty; send a JSON object");
        }
        try {
            return mapper.readTree(text);
        } catch (StreamConstraintsException e) {
            throw CloisterException.invalid("the JSON exceeds a limit" + at(e) + ": nest at most " + depth
                    + " levels, keep names below 1000 and numbers below 100 characters");
        } catch (JacksonException e) {
            throw CloisterException.invalid("the body is not one valid JSON object" + at(e)
                    + "; check the syntax there, and that no key is given twice");
        }
    }

    private static String at(JacksonException e) {
        return e.getLocation() == null
                ? ""
                : " at line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr();
    }

    /** @param path where the node is, as shown: a long way down is cut, not copied for every value on it */
    private static void check(String path, JsonNode node, boolean nulAllowed) {
        if (node.isString()) {
            Texts.require(path, node.stringValue(), nulAllowed);
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                check(Texts.shown(path + "[" + i + "]"), node.get(i), false);
            }
        } else {
            for (Map.Entry<String, JsonNode> field : node.properties()) {
                Texts.require("a name in " + path, field.getKey(), false);
                check(Texts.shown(path + "." + Texts.shown(field.getKey())), field.getValue(), false);
            }
        }
    }
}
