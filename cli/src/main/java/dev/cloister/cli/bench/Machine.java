package dev.cloister.cli.bench;

import dev.cloister.spi.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What figures are worthless without.
 *
 * @param processor the model's name; "unknown" where the kernel does not say
 * @param loadBefore of 1, 5 and 15 minutes
 */
public record Machine(
        String kernel,
        String architecture,
        int processors,
        String processor,
        long uid,
        String java,
        List<Double> loadBefore,
        List<Double> loadAfter) {
    static Machine of(Host host, List<Double> loadBefore) {
        return new Machine(
                host.kernel(),
                host.architecture(),
                Runtime.getRuntime().availableProcessors(),
                model(),
                host.serverUid(),
                System.getProperty("java.version"),
                loadBefore,
                load());
    }

    public ObjectNode json() {
        ObjectNode all = JsonMapper.shared()
                .createObjectNode()
                .put("kernel", kernel)
                .put("architecture", architecture)
                .put("processors", processors)
                .put("processor", processor)
                .put("uid", uid)
                .put("java", java);
        ArrayNode before = all.putArray("load_before");
        loadBefore.forEach(before::add);
        ArrayNode after = all.putArray("load_after");
        loadAfter.forEach(after::add);
        return all;
    }

    static List<Double> load() {
        try {
            return Stream.of(Files.readString(Path.of("/proc/loadavg")).split(" "))
                    .limit(3)
                    .map(Double::valueOf)
                    .toList();
        } catch (IOException e) {
            // gVisor and the like may have none.
            return List.of();
        }
    }

    private static String model() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException e) {
            return "unknown";
        }
    }
}
