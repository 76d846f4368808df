package dev.cloister.core.broker;

import dev.cloister.core.error.ErrorCode;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/**
 * Finds the model that a body asks for, reading the whole body but keeping nothing of it. The upstream reads the same
 * bytes with another parser, so whatever two parsers could read differently is refused: another encoding than UTF-8, a
 * second {@code model}, one in other letters, something after the document's end.
 */
final class ModelCheck {
    private static final int DEPTH = 200;
    private static final String MODEL = "model";

    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(DEPTH)
                    .maxStringLength(Integer.MAX_VALUE)
                    .build())
            .build();

    sealed interface Result {
        record Allowed(String model) implements Result {}

        record Denied(Refused why) implements Result {}
    }

    private ModelCheck() {}

    static Result check(byte[] body, List<String> allowed) {
        InputStreamReader text = new InputStreamReader(
                new ByteArrayInputStream(body),
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT));
        String model;
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), text)) {
            model = model(parser);
        } catch (JacksonException e) {
            // The parser's message may quote the body, so it stays here.
            return invalid("the body must be one JSON document in UTF-8, nested at most " + DEPTH + " levels deep");
        }
        if (model == null) {
            return invalid("the body must be a JSON object that names its model once, as a string");
        }
        if (!allowed.contains(model)) {
            return new Result.Denied(new Refused(
                    ErrorCode.FORBIDDEN,
                    "model",
                    "this session may not use that model; it may use: " + String.join(", ", allowed)));
        }
        return new Result.Allowed(model);
    }

    private static Result invalid(String message) {
        return new Result.Denied(new Refused(ErrorCode.INVALID_REQUEST, "body", message));
    }

    private static @Nullable String model(JsonParser parser) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            return null;
        }
        String model = null;
        int seen = 0;
        int depth = 1;
        for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
            if (depth == 0) {
                // Something after the document's end.
                return null;
            }
            if (token.isStructStart()) {
                depth++;
            } else if (token.isStructEnd()) {
                depth--;
            } else if (depth == 1 && token == JsonToken.PROPERTY_NAME && MODEL.equalsIgnoreCase(parser.currentName())) {
                seen++;
                boolean exact = MODEL.equals(parser.currentName());
                JsonToken value = parser.nextToken();
                if (value.isStructStart()) {
                    depth++;
                } else if (exact && value == JsonToken.VALUE_STRING) {
                    model = parser.getString();
                }
            }
        }
        return seen == 1 ? model : null;
    }
}
