package dev.cloister.core.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Whatever an agent prints, the parser answers: with events if it is JSON, with the one declared exception if it is not. */
class StreamJsonPropertiesTest {
    private static final List<String> NAMES = List.of(
            "type",
            "subtype",
            "message",
            "content",
            "event",
            "response",
            "request_id",
            "result",
            "is_error",
            "errors",
            "permission_denials",
            "tool_use_id",
            "tool_name",
            "api_error_status",
            "mcp_servers",
            "name",
            "tools",
            "id",
            "input",
            "parent_tool_use_id",
            "permissionMode",
            "text");
    private static final List<String> WORDS = List.of(
            "system",
            "init",
            "stream_event",
            "assistant",
            "user",
            "control_response",
            "result",
            "tool_use",
            "tool_result",
            "text",
            "success",
            "");

    /** JSON of the shapes that the protocol has, with wrong kinds of values in any place. */
    @Provide
    Arbitrary<Object> values() {
        return values(4);
    }

    private static Arbitrary<Object> values(int depth) {
        Arbitrary<Object> leaves = Arbitraries.oneOf(
                Arbitraries.of(WORDS).asGeneric(),
                Arbitraries.strings().ofMaxLength(8).asGeneric(),
                Arbitraries.of(true, false).asGeneric(),
                Arbitraries.bigIntegers().asGeneric(),
                Arbitraries.doubles().asGeneric(),
                Arbitraries.just(Map.of()).asGeneric());
        if (depth == 0) {
            return leaves;
        }
        Arbitrary<Object> deeper = values(depth - 1);
        return Arbitraries.frequencyOf(
                Tuple.of(1, leaves),
                Tuple.of(
                        2,
                        Arbitraries.maps(Arbitraries.of(NAMES), deeper)
                                .ofMaxSize(5)
                                .asGeneric()),
                Tuple.of(1, deeper.list().ofMaxSize(4).asGeneric()));
    }

    @Property
    void whateverIsJsonIsUnderstoodOrPassedOver(@ForAll("values") Object value, @ForAll("types") String type) {
        Map<String, Object> line = new LinkedHashMap<>();
        if (value instanceof Map<?, ?> object) {
            object.forEach((name, one) -> line.put((String) name, one));
        }
        line.put("type", type);
        String text = JsonMapper.shared().writeValueAsString(line);
        assertThatCode(() -> StreamJson.parse(text)).as(text).doesNotThrowAnyException();
    }

    @Provide
    Arbitrary<String> types() {
        return Arbitraries.of(WORDS);
    }

    @Property
    void whateverIsNotJsonIsRefusedByTheDeclaredException(@ForAll String line) {
        try {
            assertThat(StreamJson.parse(line)).isNotNull();
        } catch (JacksonException declared) {
            assertThat(declared).isNotNull();
        }
    }

    /** The pieces in which a pipe hands over its bytes do not matter; {@link LineReader} is between. */
    @Property(tries = 200)
    void linesComeOutAsTheyWereWritten(@ForAll("lines") List<String> lines) throws Exception {
        byte[] bytes = String.join("\n", lines).concat("\n").getBytes(StandardCharsets.UTF_8);
        LineReader reader = new LineReader(new ByteArrayInputStream(bytes), 1 << 20);
        List<String> read = new ArrayList<>();
        for (Optional<String> line = reader.next(); line.isPresent(); line = reader.next()) {
            read.add(line.get());
        }
        List<String> expected = lines.stream().filter(line -> !line.isBlank()).toList();
        assertThat(read.stream().filter(line -> !line.isBlank()).toList()).isEqualTo(expected);
    }

    @Provide
    Arbitrary<List<String>> lines() {
        return Arbitraries.strings()
                .withCharRange(' ', '~')
                .withChars('ü', '漢', '\t')
                .ofMaxLength(300)
                .list()
                .ofMaxSize(20);
    }
}
