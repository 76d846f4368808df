package dev.cloister.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.attack.AttackMatrix;
import dev.cloister.cli.bench.PerformancePage;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.spi.Guarantee;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the documents say of the code is in the code, and the other way round, as far as a test can tell. */
class DocumentationTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("!?\\[[^\\]\\n]*]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+?) *$");
    private static final Pattern CODE_BLOCK = Pattern.compile("(?ms)^```.*?^```$");

    @Test
    void everyRouteIsInTheApiDocument() throws IOException {
        String document = read("docs/api.md");
        JsonNode paths;
        try (InputStream description =
                DocumentationTest.class.getResourceAsStream("/dev/cloister/server/openapi.json")) {
            paths = JsonMapper.shared().readTree(description).path("paths");
        }
        List<String> routes = new ArrayList<>();
        paths.properties()
                .forEach(path -> path.getValue()
                        .propertyNames()
                        .forEach(method -> routes.add(method.toUpperCase(Locale.ROOT) + " " + path.getKey())));
        assertThat(routes).hasSizeGreaterThan(15);
        assertThat(routes).allSatisfy(route -> assertThat(document).contains("`" + route + "`"));
    }

    @Test
    void everyMetricIsInTheOperatorsDocument() throws IOException {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        Metrics metrics = new Metrics(registry);
        metrics.declareViolations("directories");
        metrics.turn("completed", Duration.ofMillis(1));
        metrics.firstEvent(Duration.ofMillis(1));
        metrics.exec("exited", Duration.ofMillis(1));
        metrics.tokens("input", 1);
        metrics.brokerRequest(200, Duration.ofMillis(1));
        metrics.brokerRefusal("path");
        metrics.egressRequest("listed");
        metrics.queueDepth(1);
        List<String> names = registry.scrape()
                .lines()
                .filter(line -> line.startsWith("# HELP "))
                .map(line -> line.split(" ", 4)[2])
                .filter(name -> !name.endsWith("_max"))
                .toList();
        // One of each method above, the four gauges, the four counters of sandboxes and the two of bytes: whoever
        // adds a meter adds it here.
        assertThat(names).hasSize(21);
        String document = read("docs/operations.md");
        assertThat(names).allSatisfy(name -> assertThat(document).contains("`" + name + "`"));
    }

    @Test
    void everyErrorCodeIsInTheErrorTable() throws IOException {
        List<String> rows = read("docs/operations.md")
                .lines()
                .filter(line -> line.startsWith("| `"))
                .toList();
        assertThat(ErrorCode.values())
                .allSatisfy(code -> assertThat(rows)
                        .anySatisfy(row -> assertThat(row)
                                .startsWith("| `" + code + "` | " + code.status() + " | `" + code.type() + "` | "
                                        + code.family().name().toLowerCase(Locale.ROOT) + " |")));
    }

    @Test
    void everyGuaranteeStandsInTheReadmeWithItsPromise() throws IOException {
        String readme = read("README.md");
        assertThat(Guarantee.values())
                .allSatisfy(guarantee ->
                        assertThat(readme).contains("| `" + guarantee + "` | " + guarantee.promise() + " |"));
    }

    /** Its figures come from a report and from nowhere else. */
    @Test
    void theReadmesMatrixIsThatOfTheReport() throws IOException {
        String matrix = AttackMatrix.published(ROOT.resolve("docs/attacks"));
        assertThat(AttackMatrix.into(read("README.md"), matrix)).isEqualTo(read("README.md"));
        assertThat(matrix)
                .contains("| direct file read | ")
                .contains(" namespaces |")
                .contains(" container, runc |")
                .contains("| 0 of ");
    }

    @Test
    void thePageOfWhatThingsCostIsThatOfTheReports() throws IOException {
        assertThat(PerformancePage.of(ROOT.resolve("docs/bench"))).isEqualTo(read("docs/performance.md"));
    }

    /** What a report calls broken or invalid is mended before it is checked in. */
    @Test
    void noReportHasABrokenPromiseOrAnAttackThatProvesNothing() throws IOException {
        try (Stream<Path> reports = Files.list(ROOT.resolve("docs/attacks"))) {
            List<Path> all = reports.filter(file -> file.toString().endsWith("-root.json")
                            || file.toString().endsWith("-user.json")
                            || file.getFileName().toString().startsWith("container-"))
                    .toList();
            assertThat(all).isNotEmpty();
            for (Path file : all) {
                JsonNode report = JsonMapper.shared().readTree(Files.readString(file));
                assertThat(report.path("results").size()).as(file.toString()).isGreaterThan(80);
                for (JsonNode result : report.path("results")) {
                    String outcome = result.path("outcome").asString();
                    assertThat(outcome).as(file + " " + result).isNotEqualTo("INVALID");
                    assertThat(result.path("promised").asBoolean() && outcome.equals("PASSED"))
                            .as(file + " " + result)
                            .isFalse();
                }
            }
        }
    }

    @Test
    void linksBetweenDocumentsResolve() throws IOException {
        List<String> broken = new ArrayList<>();
        int seen = 0;
        for (Path document : documents()) {
            Matcher links = LINK.matcher(prose(document));
            while (links.find()) {
                String target = links.group(1);
                if (target.matches("[a-z]+:.*")) {
                    continue;
                }
                seen++;
                if (!resolves(document, target)) {
                    broken.add(ROOT.relativize(document) + " -> " + target);
                }
            }
        }
        assertThat(seen).isGreaterThan(20);
        assertThat(broken).isEmpty();
    }

    private static boolean resolves(Path document, String target) throws IOException {
        String[] parts = target.split("#", 2);
        Path file = parts[0].isEmpty()
                ? document
                : document.resolveSibling(parts[0]).normalize();
        return Files.exists(file)
                && (parts.length == 1
                        || HEADING.matcher(prose(file))
                                .results()
                                .map(heading -> anchor(heading.group(1)))
                                .anyMatch(parts[1]::equals));
    }

    /** As the common renderers make it of a heading. */
    private static String anchor(String heading) {
        return heading.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9 _-]", "").replace(' ', '-');
    }

    private static List<Path> documents() throws IOException {
        List<Path> found = new ArrayList<>();
        for (Path directory : List.of(ROOT, ROOT.resolve("docs"), ROOT.resolve("docs/adr"))) {
            try (Stream<Path> files = Files.list(directory)) {
                files.filter(file -> file.toString().endsWith(".md")).forEach(found::add);
            }
        }
        return found;
    }

    private static String prose(Path file) throws IOException {
        return CODE_BLOCK.matcher(Files.readString(file)).replaceAll("");
    }

    private static String read(String document) throws IOException {
        return Files.readString(ROOT.resolve(document));
    }
}
