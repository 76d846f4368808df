package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.store.Store;
import dev.cloister.spi.IsolationMode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Real tools in a sandbox reach what the operator opened, and nothing else. The network is this machine's loopback device, under
 * an address that a sandbox's own loopback device does not stand for in the tools' settings.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EgressTest {
    private static final String HERE = "127.0.0.2";
    private static final String PASSWORD = "changeit";

    private Path directory;

    private HttpServer plain;
    private HttpsServer secure;
    private TestServer server;
    private String plainAt;
    private String secureAt;

    @BeforeAll
    void start(@TempDir Path scratch) throws Exception {
        directory = scratch;
        certificate();
        git("init", "-q", "-b", "main", "repo");
        Files.writeString(directory.resolve("repo/hello"), "from afar\n");
        git("-C", "repo", "add", "hello");
        git("-C", "repo", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first");
        git("clone", "-q", "--bare", "repo", "repo.git");
        plain = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral(HERE), 0), 0);
        secure = HttpsServer.create(new InetSocketAddress(InetAddress.ofLiteral(HERE), 0), 0);
        secure.setHttpsConfigurator(new HttpsConfigurator(tls()));
        for (HttpServer one : List.of(plain, secure)) {
            one.createContext(
                    "/", exchange -> answer(exchange, 200, "text/plain", "hello".getBytes(StandardCharsets.UTF_8)));
            one.createContext("/repo.git", this::gitBackend);
            one.createContext("/registry", this::registry);
            one.createContext("/away", exchange -> {
                exchange.getResponseHeaders().set("Location", "http://127.0.0.3:1/");
                answer(exchange, 302, "text/plain", new byte[0]);
            });
            one.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
            one.start();
        }
        plainAt = HERE + ":" + plain.getAddress().getPort();
        secureAt = HERE + ":" + secure.getAddress().getPort();
        Map<String, String> options =
                Map.of("egress.mode", "allowlist", "egress.rules", plainAt + ", " + secureAt + ", npm");
        try (TestServer probe = TestServer.start(Map.of())) {
            assumeTrue(probe.isolationMode() != IsolationMode.DIRECTORIES, "a mode with a network of its own");
        }
        server = TestServer.start(options);
        server.exec("a", "cat >ca.pem <<E\n" + Files.readString(directory.resolve("ca.pem")) + "E");
    }

    @AfterAll
    void stop() throws IOException {
        if (server != null) {
            server.close();
        }
        plain.stop(0);
        secure.stop(0);
    }

    private void git(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("git"));
        command.addAll(List.of(arguments));
        run(command);
    }

    private void run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    private void certificate() throws Exception {
        run(List.of(
                "keytool",
                "-genkeypair",
                "-alias",
                "far",
                "-keyalg",
                "EC",
                "-dname",
                "CN=far",
                "-ext",
                "san=ip:" + HERE,
                "-ext",
                "bc:c",
                "-validity",
                "30",
                "-keystore",
                "far.p12",
                "-storepass",
                PASSWORD));
        run(List.of(
                "keytool",
                "-exportcert",
                "-rfc",
                "-alias",
                "far",
                "-keystore",
                "far.p12",
                "-storepass",
                PASSWORD,
                "-file",
                "ca.pem"));
    }

    private SSLContext tls() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(directory.resolve("far.p12"))) {
            store.load(in, PASSWORD.toCharArray());
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    private static void answer(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
        exchange.getRequestBody().readAllBytes();
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    /** git's own server program, by CGI. */
    private void gitBackend(HttpExchange exchange) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("git", "http-backend");
        Map<String, String> environment = builder.environment();
        environment.put("GIT_PROJECT_ROOT", directory.toString());
        environment.put("GIT_HTTP_EXPORT_ALL", "1");
        environment.put("PATH_INFO", exchange.getRequestURI().getPath());
        environment.put(
                "QUERY_STRING",
                exchange.getRequestURI().getQuery() == null
                        ? ""
                        : exchange.getRequestURI().getQuery());
        environment.put("REQUEST_METHOD", exchange.getRequestMethod());
        environment.put("CONTENT_TYPE", header(exchange, "Content-Type"));
        environment.put("HTTP_CONTENT_ENCODING", header(exchange, "Content-Encoding"));
        environment.put("GIT_PROTOCOL", header(exchange, "Git-Protocol"));
        environment.put("REMOTE_ADDR", "127.0.0.1");
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try (OutputStream in = process.getOutputStream()) {
            exchange.getRequestBody().transferTo(in);
        }
        byte[] said = process.getInputStream().readAllBytes();
        String text = new String(said, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        int status = 200;
        for (String line : text.substring(0, end).split("\r\n", -1)) {
            String[] field = line.split(": ", 2);
            if (field[0].equals("Status")) {
                status = Integer.parseInt(field[1].substring(0, 3));
            } else {
                exchange.getResponseHeaders().set(field[0], field[1]);
            }
        }
        exchange.sendResponseHeaders(status, 0);
        exchange.getResponseBody().write(said, end + 4, said.length - end - 4);
        exchange.close();
    }

    private static String header(HttpExchange exchange, String name) {
        String value = exchange.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    /** One package, as a registry of npm's serves it. */
    private void registry(HttpExchange exchange) throws IOException {
        byte[] tarball = tarball();
        if (exchange.getRequestURI().getPath().endsWith(".tgz")) {
            answer(exchange, 200, "application/octet-stream", tarball);
            return;
        }
        try {
            ObjectNode document = TestServer.JSON.createObjectNode().put("name", "far");
            document.putObject("dist-tags").put("latest", "1.0.0");
            document.putObject("versions")
                    .putObject("1.0.0")
                    .put("name", "far")
                    .put("version", "1.0.0")
                    .putObject("dist")
                    .put("tarball", "http://" + plainAt + "/registry/far-1.0.0.tgz")
                    .put(
                            "shasum",
                            HexFormat.of()
                                    .formatHex(
                                            MessageDigest.getInstance("SHA-1").digest(tarball)));
            answer(exchange, 200, "application/json", document.toString().getBytes(StandardCharsets.UTF_8));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IOException(e);
        }
    }

    private synchronized byte[] tarball() throws IOException {
        Path file = directory.resolve("far.tgz");
        if (!Files.exists(file)) {
            Path source = Files.createDirectories(directory.resolve("package"));
            Files.writeString(source.resolve("package.json"), "{\"name\":\"far\",\"version\":\"1.0.0\"}");
            Files.writeString(source.resolve("index.js"), "module.exports = 'from afar'\n");
            try {
                run(List.of("tar", "czf", "far.tgz", "package"));
            } catch (Exception e) {
                throw new IOException(e);
            }
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        Files.copy(file, all);
        return all.toByteArray();
    }

    private JsonNode exec(String script) throws Exception {
        return server.exec("a", script);
    }

    @Test
    void gitClonesOverHttpAndHttps() throws Exception {
        JsonNode clone = exec("git clone -q http://" + plainAt + "/repo.git plain && cat plain/hello");
        assertThat(clone.path("stdout").asString()).as(clone.toString()).isEqualTo("from afar\n");
        JsonNode secureClone = exec(
                "git -c http.sslCAInfo=/workspace/ca.pem clone -q https://" + secureAt + "/repo.git s && cat s/hello");
        assertThat(secureClone.path("stdout").asString())
                .as(secureClone.toString())
                .isEqualTo("from afar\n");
    }

    @Test
    void npmInstallsFromARegistry() throws Exception {
        JsonNode install = exec(
                "mkdir -p n && cd n && npm init -y >/dev/null && npm install --no-audit --no-fund --registry http://"
                        + plainAt + "/registry/ far && node -p \"require('far')\"");
        assertThat(install.path("stdout").asString()).as(install.toString()).endsWith("from afar\n");
    }

    @Test
    void curlReachesWhatIsListedAndIsToldWhatIsNot() throws Exception {
        assertThat(exec("curl -sS http://" + plainAt + "/").path("stdout").asString())
                .isEqualTo("hello");
        assertThat(exec("curl -sS --cacert ca.pem https://" + secureAt + "/")
                        .path("stdout")
                        .asString())
                .isEqualTo("hello");
        JsonNode denied = exec("time -p curl -sS http://other.example/");
        assertThat(denied.path("stdout").asString())
                .contains("other.example:80", "egress.rules", "\"other.example:80\"");
        JsonNode tunnel = exec("curl -sSv https://other.example/ 2>&1");
        assertThat(tunnel.path("stdout").asString()).contains("403", "\"other.example\" to egress.rules");
        JsonNode moved = exec("curl -sSL http://" + plainAt + "/away");
        assertThat(moved.path("stdout").asString()).contains("127.0.0.3:1", "egress.rules");
    }

    @Test
    void pythonGoesTheSameWay() throws Exception {
        assertThat(exec("python3 -c 'import urllib.request as u; print(u.urlopen(\"http://" + plainAt
                                + "/\").read().decode())'")
                        .path("stdout")
                        .asString())
                .isEqualTo("hello\n");
    }

    @Test
    void nothingGoesAroundTheProxy() throws Exception {
        JsonNode around = exec("curl -sS -m 5 --noproxy '*' http://" + plainAt
                + "/; curl -sS -m 5 --noproxy '*' http://" + secureAt + "/; getent hosts other.example");
        assertThat(around.path("stdout").asString()).isEmpty();
        assertThat(around.path("exit_code").asInt()).isNotZero();
    }

    @Test
    void theAgentsToolsAreBehindItToo() throws Exception {
        JsonNode results = server.play("a", TestServer.bash("curl -sS http://" + plainAt + "/"));
        assertThat(results.path(0).path("content").asString()).isEqualTo("hello");
    }

    @Test
    void whatWasUsedIsInMetricsAndAudit() throws Exception {
        try (TestServer counting = TestServer.start(Map.of("egress.mode", "allowlist", "egress.rules", plainAt))) {
            counting.exec("a", "curl -sS http://" + plainAt + "/; curl -sS http://other.example/");
            String metrics = counting.get("a", "/metrics").body();
            assertThat(metrics)
                    .contains(
                            "egress_requests_total{outcome=\"listed\"} 1.0",
                            "egress_requests_total{outcome=\"unlisted\"} 1.0")
                    .contains("egress_bytes_in_total 5.0");
            Until.holds("it is written down", java.time.Duration.ofSeconds(20), () -> {
                try (Store store = DataDirectory.open(counting.data()).store()) {
                    return store.audit(0, 1000).stream()
                            .map(entry -> entry.action())
                            .filter(action -> action.startsWith("egress."))
                            .sorted()
                            .toList()
                            .equals(List.of("egress.denied", "egress.used"));
                }
            });
        }
    }
}
