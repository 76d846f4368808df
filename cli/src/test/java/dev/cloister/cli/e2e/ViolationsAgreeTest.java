package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.store.Store;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Attacks made, violations counted and violations written down are the same number, of each kind that can be observed. */
class ViolationsAgreeTest {
    private static final Duration GENEROUS = Duration.ofSeconds(60);
    private static final String TOKEN = "attacks";

    /** To the broker's socket, from a tool of the agent's. */
    private static final String STRAY = """
            python3 - <<'E'
            import os, socket
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ["ANTHROPIC_UNIX_SOCKET"])
            connection.sendall(b"GET /v1/files HTTP/1.1\\r\\nHost: broker.internal\\r\\nConnection: close\\r\\n\\r\\n")
            print(connection.recv(4096).decode().splitlines()[0])
            E""";

    /** A system call of another architecture: the filter answers that with the end. */
    private static final String FOREIGN_CALL = """
            import ctypes, mmap
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
            ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
            """;

    /** Some machines have none: other processors, and virtual ones whose hypervisor ends the process itself. */
    private static boolean foreignCallsExist() throws IOException, InterruptedException {
        return System.getProperty("os.arch").equals("amd64")
                && new ProcessBuilder("python3", "-c", FOREIGN_CALL)
                                .redirectErrorStream(true)
                                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                                .start()
                                .waitFor()
                        == 0;
    }

    private final Map<Guarantee, Integer> made = new EnumMap<>(Guarantee.class);

    private void made(Guarantee guarantee) {
        made.merge(guarantee, 1, Integer::sum);
    }

    private static Map<Guarantee, Integer> counted(TestServer server) throws IOException, InterruptedException {
        Map<Guarantee, Integer> counted = new EnumMap<>(Guarantee.class);
        for (String line : server.get(TOKEN, "/metrics").body().lines().toList()) {
            for (Guarantee guarantee : Guarantee.values()) {
                if (line.startsWith("isolation_violations_total{guarantee=\"" + guarantee + "\"")) {
                    int count = (int) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
                    if (count > 0) {
                        counted.put(guarantee, count);
                    }
                }
            }
        }
        return counted;
    }

    private static Map<Guarantee, Integer> written(TestServer server) {
        Map<Guarantee, Integer> written = new EnumMap<>(Guarantee.class);
        try (Store store = DataDirectory.open(server.data()).store()) {
            store.audit(0, 1000).stream()
                    .filter(entry -> entry.action().equals("violation"))
                    .map(entry -> TestServer.JSON.readTree(entry.detail()))
                    .forEach(detail -> written.merge(
                            Guarantee.valueOf(detail.path("guarantee").asString()), 1, Integer::sum));
        }
        return written;
    }

    @Test
    void whatWasAttackedIsCountedAndWrittenDown() throws Exception {
        try (TestServer server = TestServer.start(Map.of("isolation.sweep", "100ms", "isolation.memory", "512MiB"))) {
            for (String upwards :
                    new String[] {"x%2F..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "..%2Fhome%2Fsecret"}) {
                assertThat(server.get(TOKEN, "/v1/files/" + upwards).statusCode())
                        .isEqualTo(400);
                made(Guarantee.FILES_OF_OTHERS_UNREADABLE);
            }
            assertThat(server.exec(TOKEN, "ln -s /etc out; touch marker")
                            .path("exit_code")
                            .asInt(-1))
                    .isZero();
            for (String link : new String[] {"/v1/files/out", "/v1/files/out?format=tar"}) {
                assertThat(server.get(TOKEN, link).statusCode()).as(link).isEqualTo(403);
                made(Guarantee.FILES_OF_OTHERS_UNREADABLE);
            }
            for (int i = 0; i < 2; i++) {
                assertThat(server.get(TOKEN, "/v1/files/out/passwd").statusCode())
                        .isBetween(400, 499);
                made(Guarantee.FILES_OF_OTHERS_UNREADABLE);
            }
            for (String cwd : new String[] {"..", "x/../../home", "/etc", "out"}) {
                String body = "{\"command\":[\"/bin/true\"],\"cwd\":\"" + cwd + "\"}";
                assertThat(server.send("POST", TOKEN, "/v1/exec", body).statusCode())
                        .as(cwd)
                        .isBetween(400, 499);
                made(Guarantee.FILES_OF_OTHERS_UNREADABLE);
            }

            JsonNode results = server.play(
                    TOKEN,
                    TestServer.write("/etc/cloister-denied", "x"),
                    TestServer.bash(STRAY),
                    TestServer.write("/etc/cloister-denied-too", "x"));
            assertThat(results.path(0).path("is_error").asBoolean()).isTrue();
            assertThat(results.path(1).path("content").asString()).contains("HTTP/1.1 4");
            made(Guarantee.TOOL_POLICY_ENFORCED);
            made(Guarantee.TOOL_POLICY_ENFORCED);
            made(Guarantee.CREDENTIAL_NEVER_INSIDE);

            if (foreignCallsExist()) {
                JsonNode killed = server.exec(TOKEN, "exec python3 -c '" + FOREIGN_CALL + "'");
                assertThat(killed.path("signal").asInt(0)).as(killed.toString()).isEqualTo(31);
                made(Guarantee.PRIVILEGES_NOT_GAINABLE);
            }
            if (server.guarantees().contains(Guarantee.RESOURCES_BOUNDED)) {
                JsonNode hog = server.exec(TOKEN, "exec python3 -c 'x = bytearray(b\"x\") * (1 << 30)'");
                assertThat(hog.path("status").asString()).as(hog.toString()).isEqualTo("out_of_memory");
                made(Guarantee.RESOURCES_BOUNDED);
            }

            Path home = server.treeWith("work/marker").resolve("home");
            Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxr-xr-x"));
            made(Guarantee.FILES_OF_OTHERS_UNREADABLE);
            Until.holds("all is counted", GENEROUS, () -> counted(server).equals(made));
            Thread.sleep(500);
            assertThat(counted(server)).isEqualTo(made);
            assertThat(written(server)).isEqualTo(made);
        }
    }

    @Test
    void aBurstSuspendsItsTenantEndsWhatItRunsAndTouchesNobodyElse() throws Exception {
        try (TestServer server = TestServer.start(Map.of("violations.suspend-after", "5"))) {
            assertThat(server.exec("b", "echo here").path("stdout").asString()).isEqualTo("here\n");
            CompletableFuture<JsonNode> running = CompletableFuture.supplyAsync(() -> {
                try {
                    return server.exec(TOKEN, "touch started; sleep 300");
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            Until.holds(
                    "the command runs",
                    GENEROUS,
                    () -> server.get(TOKEN, "/v1/files/started").statusCode() == 200);
            for (int i = 0; i < 5; i++) {
                assertThat(server.get(TOKEN, "/v1/files/%2Fetc%2Fpasswd").statusCode())
                        .isEqualTo(400);
            }
            Until.holds(
                    "it is suspended",
                    GENEROUS,
                    () -> server.get(TOKEN, "/v1/files/").statusCode() == 403);
            HttpResponse<String> refused = server.say(TOKEN, "hello");
            assertThat(refused.statusCode()).isEqualTo(403);
            assertThat(refused.body()).contains("suspended");
            assertThat(running.get().path("status").asString()).isNotEqualTo("exited");
            assertThat(server.exec("b", "echo here").path("stdout").asString()).isEqualTo("here\n");
            try (Store store = DataDirectory.open(server.data()).store()) {
                assertThat(store.audit(0, 1000))
                        .filteredOn(entry -> entry.action().equals("tenant.suspended"))
                        .hasSize(1);
            }
        }
    }
}
