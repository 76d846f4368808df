package dev.cloister.cli.e2e;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
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
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import tools.jackson.databind.node.ObjectNode;

/**
 * What stands far away, as a program of its own, so that it can run in another network namespace: git's server program, one
 * package for each of npm, pip and Maven, and a page, over HTTP and over TLS with a certificate authority of its own.
 */
final class FarServers {
    static final String HOST = "far.test";
    static final int PLAIN_PORT = 8080;
    static final int SECURE_PORT = 8443;

    /** What opens {@code /private/repo.git}. */
    static final String AUTHORIZATION = "Basic YWRhOnRoZS1ob3N0cy1zZWNyZXQ=";

    static final String PASSWORD = "changeit";

    private final Path directory;

    private FarServers(Path directory) {
        this.directory = directory;
    }

    /** @param arguments the address to listen on and a directory to work in, where {@code ca.pem} will be */
    public static void main(String[] arguments) throws Exception {
        new FarServers(Path.of(arguments[1])).serve(InetAddress.ofLiteral(arguments[0]));
        System.out.println("far servers are there");
        Thread.currentThread().join();
    }

    private void serve(InetAddress address) throws Exception {
        certificate();
        git("init", "-q", "-b", "main", "repo");
        Files.writeString(directory.resolve("repo/hello"), "from afar\n");
        git("-C", "repo", "add", "hello");
        git("-C", "repo", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first");
        git("clone", "-q", "--bare", "repo", "repo.git");
        git("-C", "repo.git", "config", "http.receivepack", "true");
        HttpServer plain = HttpServer.create(new InetSocketAddress(address, PLAIN_PORT), 0);
        HttpsServer secure = HttpsServer.create(new InetSocketAddress(address, SECURE_PORT), 0);
        secure.setHttpsConfigurator(new HttpsConfigurator(tls()));
        for (HttpServer one : List.of(plain, secure)) {
            one.createContext(
                    "/", exchange -> answer(exchange, 200, "text/plain", "hello".getBytes(StandardCharsets.UTF_8)));
            one.createContext("/repo.git", this::gitBackend);
            one.createContext("/private/repo.git", exchange -> {
                if (AUTHORIZATION.equals(header(exchange, "Authorization"))) {
                    gitBackend(exchange);
                } else {
                    exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=far");
                    answer(exchange, 401, "text/plain", new byte[0]);
                }
            });
            one.createContext("/registry", this::registry);
            one.createContext("/simple", FarServers::index);
            one.createContext("/maven/far/parent/1.0/parent-1.0.pom", FarServers::parent);
            one.createContext("/away", exchange -> {
                exchange.getResponseHeaders().set("Location", "http://elsewhere.test/");
                answer(exchange, 302, "text/plain", new byte[0]);
            });
            one.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
            one.start();
        }
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
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + ": " + said);
        }
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
                "CN=" + HOST,
                "-ext",
                "san=dns:" + HOST,
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
        environment.put("PATH_INFO", exchange.getRequestURI().getPath().replaceFirst("^/private", ""));
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

    /** One wheel, as the index of PyPI lists it (PEP 503) and pip installs it (PEP 427). */
    private static void index(HttpExchange exchange) throws IOException {
        String name = "far-1.0-py3-none-any.whl";
        if (!exchange.getRequestURI().getPath().endsWith(name)) {
            answer(
                    exchange,
                    200,
                    "text/html",
                    ("<a href='" + name + "'>" + name + "</a>").getBytes(StandardCharsets.UTF_8));
            return;
        }
        ByteArrayOutputStream wheel = new ByteArrayOutputStream();
        Map<String, String> files = Map.of(
                "far.py", "print('from afar')\n",
                "far-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: far\nVersion: 1.0\n",
                "far-1.0.dist-info/WHEEL",
                        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "far-1.0.dist-info/RECORD",
                        "far.py,,\nfar-1.0.dist-info/METADATA,,\nfar-1.0.dist-info/WHEEL,,\nfar-1.0.dist-info/RECORD,,\n");
        try (ZipOutputStream zip = new ZipOutputStream(wheel)) {
            for (Map.Entry<String, String> file : files.entrySet()) {
                zip.putNextEntry(new ZipEntry(file.getKey()));
                zip.write(file.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
        answer(exchange, 200, "application/zip", wheel.toByteArray());
    }

    /** A project that another can inherit from: the one thing that Maven fetches without any plugin. */
    private static void parent(HttpExchange exchange) throws IOException {
        answer(exchange, 200, "application/xml", """
                <project>
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>far</groupId>
                  <artifactId>parent</artifactId>
                  <version>1.0</version>
                  <packaging>pom</packaging>
                </project>
                """.getBytes(StandardCharsets.UTF_8));
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
                    .put("tarball", "http://" + HOST + ":" + PLAIN_PORT + "/registry/far-1.0.0.tgz")
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
}
