package dev.cloister.core.broker;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Meters server-sent events: {@code message_start} and {@code message_delta} carry the usage, {@code error} an error. A
 * line longer than the bound is passed over; those three are short.
 */
final class EventStreamMeter implements UsageMeter {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int LONGEST_LINE = 64 * 1024;
    private static final String DATA = "data:";

    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final TokenCounter counter = new TokenCounter();
    private boolean tooLong;
    private @Nullable StreamError error;

    @Override
    public void accept(byte[] bytes, int offset, int length) {
        int from = offset;
        int end = offset + length;
        for (int i = offset; i < end; i++) {
            // A lone CR ends a line as well; the empty line that CR LF then makes is without effect.
            if (bytes[i] == '\n' || bytes[i] == '\r') {
                append(bytes, from, i - from);
                endLine();
                from = i + 1;
            }
        }
        append(bytes, from, end - from);
    }

    private void append(byte[] bytes, int from, int count) {
        tooLong |= line.size() + count > LONGEST_LINE;
        if (!tooLong) {
            line.write(bytes, from, count);
        }
    }

    private void endLine() {
        String text = tooLong ? "" : line.toString(StandardCharsets.UTF_8);
        line.reset();
        tooLong = false;
        if (text.startsWith(DATA) && (text.contains("\"usage\"") || text.contains("\"error\""))) {
            try {
                event(JSON.readTree(text.substring(DATA.length())));
            } catch (JacksonException e) {
                // Not an event of the Messages API. The stream is passed on as it is; there is nothing to count.
                return;
            }
        }
    }

    private void event(JsonNode event) {
        switch (event.path("type").asString("")) {
            case "message_start" -> count(event.path("message").path("usage"));
            case "message_delta" -> count(event.path("usage"));
            case "error" ->
                error = new StreamError(
                        event.path("error").path("type").asString(""),
                        event.path("error").path("message").asString(""));
            default -> {
                // Text and tool input, in which the word may stand as well.
            }
        }
    }

    private void count(JsonNode usage) {
        for (Map.Entry<String, JsonNode> field : usage.properties()) {
            if (field.getValue().isIntegralNumber() && field.getValue().canConvertToLong()) {
                counter.set(field.getKey(), field.getValue().longValue());
            }
        }
    }

    @Override
    public TokenUsage usage() {
        return counter.usage();
    }

    @Override
    public Optional<StreamError> error() {
        return Optional.ofNullable(error);
    }
}
