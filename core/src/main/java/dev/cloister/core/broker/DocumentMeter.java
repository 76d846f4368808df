package dev.cloister.core.broker;

import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.async.ByteArrayFeeder;
import tools.jackson.core.json.JsonFactory;

/** Meters one JSON document: the {@code usage} object of its top level. Keeps one token at a time. */
final class DocumentMeter implements UsageMeter {
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(200)
                    .maxStringLength(16 * 1024 * 1024)
                    .build())
            .build();

    private final JsonParser parser = JSON.createNonBlockingByteArrayParser(ObjectReadContext.empty());
    private final ByteArrayFeeder feeder = (ByteArrayFeeder) parser.nonBlockingInputFeeder();
    private final TokenCounter counter = new TokenCounter();
    private int depth;
    private boolean inUsage;
    private boolean unreadable;
    private String topField = "";

    @Override
    public void accept(byte[] bytes, int offset, int length) {
        if (unreadable || length == 0) {
            return;
        }
        try {
            feeder.feedInput(bytes, offset, offset + length);
            JsonToken token = parser.nextToken();
            while (token != JsonToken.NOT_AVAILABLE && token != null) {
                token(token);
                token = parser.nextToken();
            }
        } catch (JacksonException e) {
            // Not JSON, or larger than any answer: it is passed on as it is; what was counted stands.
            unreadable = true;
        }
    }

    private void token(JsonToken token) {
        if (token.isStructStart()) {
            depth++;
            inUsage = inUsage || (depth == 2 && token == JsonToken.START_OBJECT && topField.equals("usage"));
        } else if (token.isStructEnd()) {
            depth--;
            inUsage = inUsage && depth >= 2;
        } else if (token == JsonToken.PROPERTY_NAME && depth == 1) {
            topField = parser.currentName();
        } else if (token == JsonToken.VALUE_NUMBER_INT && inUsage && depth == 2) {
            counter.set(parser.currentName(), parser.getLongValue());
        }
    }

    @Override
    public TokenUsage usage() {
        return counter.usage();
    }

    @Override
    public Optional<StreamError> error() {
        return Optional.empty();
    }
}
