package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.server.api.Api;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The description and the router know the same addresses, and the description holds together. */
class OpenApiTest {
    private static JsonNode description() throws IOException {
        try (InputStream in =
                Objects.requireNonNull(OpenApiTest.class.getResourceAsStream("/dev/cloister/server/openapi.json"))) {
            return JsonMapper.builder().build().readTree(in.readAllBytes());
        }
    }

    @Test
    void describesExactlyWhatIsRouted() throws IOException {
        Map<String, Set<String>> described = new TreeMap<>();
        description()
                .path("paths")
                .properties()
                .forEach(path -> described.put(
                        path.getKey(),
                        path.getValue().propertyNames().stream()
                                .map(method -> method.toUpperCase(java.util.Locale.ROOT))
                                .collect(Collectors.toCollection(TreeSet::new))));
        try (TestServer server = new TestServer()) {
            assertThat(described).isEqualTo(new Api(server.collaborators, () -> false).addresses());
        }
    }

    @Test
    void everyReferenceLeadsSomewhere() throws IOException {
        JsonNode root = description();
        Set<String> references = new HashSet<>();
        root.findValues("$ref").forEach(reference -> references.add(reference.stringValue()));
        assertThat(references).isNotEmpty();
        for (String reference : references) {
            assertThat(root.at(reference.substring(1)).isMissingNode())
                    .as(reference)
                    .isFalse();
        }
    }
}
