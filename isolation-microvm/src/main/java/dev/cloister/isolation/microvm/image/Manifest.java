package dev.cloister.isolation.microvm.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code manifest.json} says of a directory of images. It is written last.
 *
 * @param kernelRelease as {@code uname -r} says it in the guest
 * @param architecture Debian's name
 * @param made how, in words
 * @param files by their paths below the directory; modules are in the order of their names
 */
record Manifest(int format, String kernelRelease, String architecture, String made, Map<String, Content> files) {
    static final String FILE = "manifest.json";
    static final int FORMAT = 1;

    /** @param size bytes */
    record Content(long size, String sha256) {}

    Manifest {
        files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
    }

    /** Empty if it is no manifest at all. */
    static Optional<Manifest> read(Path file) throws IOException {
        try {
            JsonNode root = JsonMapper.shared().readTree(Files.readAllBytes(file));
            Map<String, Content> files = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> one : root.required("files").properties()) {
                files.put(
                        one.getKey(),
                        new Content(
                                one.getValue().required("size").asLong(),
                                one.getValue().required("sha256").asString()));
            }
            return Optional.of(new Manifest(
                    root.required("format").asInt(),
                    root.required("kernel_release").asString(),
                    root.required("architecture").asString(),
                    root.required("made").asString(),
                    files));
        } catch (JacksonException e) {
            return Optional.empty();
        }
    }

    ObjectNode json() {
        ObjectNode root = JsonMapper.shared()
                .createObjectNode()
                .put("format", format)
                .put("kernel_release", kernelRelease)
                .put("architecture", architecture)
                .put("made", made);
        ObjectNode all = root.putObject("files");
        files.forEach((name, content) ->
                all.putObject(name).put("size", content.size()).put("sha256", content.sha256()));
        return root;
    }

    void write(Path file) throws IOException {
        Files.write(file, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsBytes(json()));
    }
}
