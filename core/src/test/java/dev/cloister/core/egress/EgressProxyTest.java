package dev.cloister.core.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.socket.SocketServer;
import dev.cloister.core.socket.UnixClient;
import dev.cloister.core.tenant.TenantId;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EgressProxyTest {
    private static final TenantId TENANT = new TenantId("0123456789abcdef0123456789abcdef");

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final List<String> audited = new CopyOnWriteArrayList<>();
    private final Map<String, List<InetAddress>> names = new ConcurrentHashMap<>();
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final List<String> authorizations = new CopyOnWriteArrayList<>();
    private volatile EgressPolicy policy = EgressPolicy.CLOSED;
    private HttpServer far;
    private int port;
    private Path directory;
    private Path socket;
    private EgressProxy proxy;
    private SocketServer.Channel channel;

    @BeforeEach
    void start() throws IOException {
        far = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        far.createContext("/", exchange -> {
            seen.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().getFirst("Host") + " via "
                    + exchange.getRequestHeaders().getFirst("Via") + " for "
                    + exchange.getRequestHeaders().getFirst("X-Forwarded-For"));
            authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            if (exchange.getRequestURI().getPath().equals("/away")) {
                exchange.getResponseHeaders().set("Location", "http://other.example:" + port + "/");
                exchange.sendResponseHeaders(302, -1);
            } else {
                byte[] body = exchange.getRequestBody().readAllBytes();
                byte[] answer = ("hello " + new String(body, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
            }
            exchange.close();
        });
        far.start();
        port = far.getAddress().getPort();
        names.put("listed.example", List.of(InetAddress.ofLiteral("127.0.0.1")));
        names.put("other.example", List.of(InetAddress.ofLiteral("127.0.0.1")));
        directory = Files.createTempDirectory("egress");
        socket = directory.resolve("s");
        open(new EgressLimits(16, 1000, OptionalLong.empty()));
    }

    private void open(EgressLimits limits) {
        Metrics metrics = new Metrics(registry);
        Violations violations = new Violations(
                (actor, action, detail) -> audited.add(action + " " + new TreeMap<>(detail)), metrics, "namespaces");
        proxy = new EgressProxy(
                tenant -> policy,
                name -> {
                    asked.add(name);
                    List<InetAddress> found = names.get(name);
                    if (found == null) {
                        throw new UnknownHostException(name);
                    }
                    return found;
                },
                new EgressBooks(
                        metrics,
                        violations,
                        (actor, action, detail) -> audited.add(action + " " + new TreeMap<>(detail))),
                limits,
                Clock.systemUTC());
        channel = proxy.open(socket, TENANT);
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        far.stop(0);
        Files.deleteIfExists(socket);
        Files.deleteIfExists(directory.resolve("secret"));
        Files.delete(directory);
    }

    private void policy(EgressMode mode, String... rules) {
        List<EgressRule> all = new ArrayList<>(Arrays.stream(rules)
                .map(rule -> EgressRule.parse(rule.replace("PORT", Integer.toString(port)))
                        .orElseThrow())
                .toList());
        policy = new EgressPolicy(mode, all);
    }

    private UnixClient.Answer get(String url) throws IOException {
        return UnixClient.call(
                socket, "GET " + url + " HTTP/1.1\r\nHost: " + url.split("/", -1)[2] + "\r\nConnection: close\r\n\r\n");
    }

    private UnixClient.Answer connect(String authority) throws IOException {
        return UnixClient.call(socket, "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
    }

    private double count(String outcome) {
        return registry.find("egress_requests").tag("outcome", outcome).counters().stream()
                .mapToDouble(Counter::count)
                .sum();
    }

    @Test
    void aTunnelCarriesBytesBothWaysToAListedHost() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example:PORT", "127.0.0.1:PORT");
        try (UnixClient client = new UnixClient(socket)) {
            client.send("CONNECT listed.example:" + port + " HTTP/1.1\r\nHost: listed.example:" + port + "\r\n\r\n");
            assertThat(client.head().status()).isEqualTo(200);
            client.send("POST /in HTTP/1.1\r\nHost: inner\r\nContent-Length: 2\r\nConnection: close\r\n\r\nyo");
            assertThat(client.answer().body()).isEqualTo("hello yo");
        }
        assertThat(seen).containsExactly("POST /in inner via null for null");
        assertThat(count("listed")).isEqualTo(1);
        channel.close();
        assertThat(audited).singleElement().asString().contains("egress.used", "listed.example:" + port, "requests=1");
    }

    @Test
    void plainRequestsGoByTheUrlWhateverTheHeaderSays() throws IOException {
        policy(EgressMode.ALLOWLIST, "GET http://listed.example:PORT/a/*", "127.0.0.1:PORT");
        assertThat(get("http://listed.example:" + port + "/a/b?c=d").body()).isEqualTo("hello ");
        assertThat(seen).containsExactly("GET /a/b?c=d listed.example:" + port + " via null for null");
        UnixClient.Answer denied = get("http://listed.example:" + port + "/b");
        assertThat(denied.status()).isEqualTo(403);
        assertThat(denied.body()).contains("listed.example:" + port, "egress.rules");
        String two = UnixClient.call(
                        socket,
                        "GET http://listed.example:" + port
                                + "/a/ HTTP/1.1\r\nHost: inner.example\r\nConnection: close\r\n\r\n")
                .body();
        assertThat(two).contains("not acceptable");
        assertThat(seen).hasSize(1);
    }

    @Test
    void whatNoRuleNamesIsRefusedWithTheRuleThatWouldBeNeeded() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example");
        UnixClient.Answer answer = connect("other.example:8443");
        assertThat(answer.status()).isEqualTo(403);
        assertThat(answer.body()).contains("\"other.example:8443\"", "egress.rules");
        assertThat(answer.headers().get("cloister-egress")).contains("other.example:8443");
        assertThat(asked).as("it is not even looked up").isEmpty();
        assertThat(audited).containsExactly("egress.denied {reason=unlisted, target=other.example:8443}");
        policy = EgressPolicy.CLOSED;
        assertThat(connect("listed.example:443").body()).contains("closed");
    }

    @Test
    void aRedirectToAnotherHostIsAskedForLikeAnyOther() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example:PORT", "127.0.0.1:PORT");
        UnixClient.Answer moved = get("http://listed.example:" + port + "/away");
        assertThat(moved.status()).isEqualTo(302);
        assertThat(get(moved.headers().getOrDefault("location", "")).status()).isEqualTo(403);
        assertThat(seen).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"OBSERVE", "OPEN", "ALLOWLIST"})
    void aNameThatChangesItsMeaningIsRefused(String mode) throws IOException {
        policy(EgressMode.valueOf(mode), "rebinds.example");
        names.put("rebinds.example", List.of(InetAddress.ofLiteral("127.0.0.1")));
        assertThat(connect("rebinds.example:443").status()).isEqualTo(403);
        names.put(
                "rebinds.example", List.of(InetAddress.ofLiteral("1.1.1.1"), InetAddress.ofLiteral("169.254.169.254")));
        assertThat(connect("rebinds.example:443").status()).isEqualTo(403);
        assertThat(seen).isEmpty();
        assertThat(count("private")).isEqualTo(2);
        assertThat(audited).hasSize(2).allMatch(entry -> entry.startsWith("violation {guarantee=NETWORK_CLOSED"));
    }

    /** Were it asked a second time, the second answer would be another. */
    @Test
    void theConnectionGoesToTheAddressThatWasChecked() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example:PORT", "127.0.0.1:PORT");
        get("http://listed.example:" + port + "/");
        try (UnixClient client = new UnixClient(socket)) {
            client.send("CONNECT listed.example:" + port + " HTTP/1.1\r\nHost: listed.example:" + port + "\r\n\r\n");
            assertThat(client.head().status()).isEqualTo(200);
        }
        assertThat(asked).containsExactly("listed.example", "listed.example");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2130706433:PORT",
                "0x7f000001:PORT",
                "0177.0.0.1:PORT",
                "127.1:PORT",
                "127.0.0.1.:PORT",
                "[::ffff:127.0.0.1]:PORT",
                "[::ffff:7f00:1]:PORT",
                "[::1]:PORT",
                "127.0.0.1:PORT",
                "0.0.0.0:PORT",
                "localhost:PORT",
                "LOCALHOST.:PORT",
                "listed.example\0.evil.example:PORT",
                "listed.example%00.evil.example:PORT",
                "user@listed.example:PORT",
                "169.254.169.254:80",
                "[fd00:ec2::254]:80",
                "metadata.google.internal:80"
            })
    void whatLeadsInwardsIsRefusedInEverySpelling(String spelling) throws IOException {
        names.put("localhost", List.of(InetAddress.ofLiteral("127.0.0.1")));
        names.put("metadata.google.internal", List.of(InetAddress.ofLiteral("169.254.169.254")));
        policy(EgressMode.OPEN);
        String authority = spelling.replace("PORT", Integer.toString(port));
        assertThat(connect(authority).status()).as("tunnel").isBetween(400, 403);
        assertThat(get("http://" + authority + "/").status()).as("plain").isBetween(400, 403);
        assertThat(seen).isEmpty();
    }

    @Test
    void openAndObserveTellWhatNoRuleNamesOnce() throws IOException {
        policy(EgressMode.OBSERVE, "127.0.0.1:PORT");
        get("http://other.example:" + port + "/");
        get("http://other.example:" + port + "/");
        assertThat(seen).hasSize(2);
        assertThat(audited).containsExactly("egress.observed {rule=other.example:" + port + "}");
    }

    /** What `cloister egress` prints is what the audit log has. */
    @Test
    void whatWasObservedIsTheAllowlistThatSuffices() throws IOException {
        List<String> urls = List.of("http://listed.example:" + port + "/a", "http://other.example:" + port + "/b");
        policy(EgressMode.OBSERVE, "127.0.0.1:PORT");
        for (String url : urls) {
            assertThat(get(url).status()).isEqualTo(200);
        }
        List<String> rules = new ArrayList<>(audited.stream()
                .map(entry -> entry.replaceFirst(".*\\{rule=(.*)\\}", "$1"))
                .toList());
        assertThat(rules).hasSize(2);
        rules.add("127.0.0.1:PORT");
        policy(EgressMode.ALLOWLIST, rules.toArray(String[]::new));
        for (String url : urls) {
            assertThat(get(url).status()).isEqualTo(200);
        }
        for (int missing = 0; missing < 2; missing++) {
            List<String> fewer = new ArrayList<>(rules);
            fewer.remove(missing);
            policy(EgressMode.ALLOWLIST, fewer.toArray(String[]::new));
            assertThat(get(urls.get(missing)).status()).isEqualTo(403);
        }
    }

    @Test
    void aHostThatIsNotThereOrNotKnownIsSaidToBeSo() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example:1", "127.0.0.1:1", "unknown.example");
        assertThat(connect("listed.example:1")).matches(answer -> answer.status() == 502);
        assertThat(get("http://listed.example:1/")).matches(answer -> answer.status() == 502);
        assertThat(connect("unknown.example:443").body()).contains("unknown.example is not known");
    }

    @Test
    void aTunnelEndsWithItsSocket() throws IOException {
        policy(EgressMode.ALLOWLIST, "listed.example:PORT", "127.0.0.1:PORT");
        try (UnixClient client = new UnixClient(socket)) {
            client.send("CONNECT listed.example:" + port + " HTTP/1.1\r\nHost: listed.example:" + port + "\r\n\r\n");
            assertThat(client.head().status()).isEqualTo(200);
            channel.close();
            assertThatThrownBy(() -> {
                        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
                        client.answer();
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void requestsAndBytesAreBounded() throws IOException {
        proxy.close();
        open(new EgressLimits(16, 3, OptionalLong.empty()));
        policy(EgressMode.ALLOWLIST, "127.0.0.1:PORT");
        for (int i = 0; i < 3; i++) {
            assertThat(get("http://127.0.0.1:" + port + "/").status()).isEqualTo(200);
        }
        UnixClient.Answer late = get("http://127.0.0.1:" + port + "/");
        assertThat(late.status()).isEqualTo(429);
        assertThat(late.headers()).containsKey("retry-after");

        proxy.close();
        open(new EgressLimits(16, 1000, OptionalLong.of(100)));
        try (UnixClient client = new UnixClient(socket)) {
            client.send("CONNECT 127.0.0.1:" + port + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n");
            assertThat(client.head().status()).isEqualTo(200);
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n" + "x".repeat(500));
            assertThatThrownBy(client::answer).isInstanceOf(IOException.class);
        }
        assertThat(connect("127.0.0.1:" + port).body()).contains("bytes-per-hour");
    }

    @Test
    void whatIsKeptForAHostIsAddedOutsideAndReadAnewEachTime() throws IOException {
        Path file = Files.writeString(directory.resolve("secret"), "Bearer one\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        policy(EgressMode.ALLOWLIST, "listed.example:PORT", "other.example:PORT", "127.0.0.1:PORT");
        policy = new EgressPolicy(
                policy.mode(),
                policy.rules(),
                List.of(HostCredential.parse("http://listed.example:" + port + " " + file)
                        .orElseThrow()));

        assertThat(get("http://listed.example:" + port + "/").status()).isEqualTo(200);
        assertThat(get("http://other.example:" + port + "/").status()).isEqualTo(200);
        Files.writeString(file, "Bearer two");
        assertThat(get("http://listed.example:" + port + "/").status()).isEqualTo(200);
        assertThat(authorizations).containsExactly("Bearer one", "null", "Bearer two");

        // Only what the URL names is asked with it, and only what does not show it.
        for (String asked : List.of("other.example", "127.0.0.1", "listed.example")) {
            try (UnixClient client = new UnixClient(socket)) {
                client.send("GET http://" + asked + ":" + port + "/ HTTP/1.1\r\nHost: " + asked + ":" + port
                        + "\r\nAuthorization: Bearer own\r\nConnection: close\r\n\r\n");
                assertThat(client.answer().status()).isEqualTo(200);
            }
        }
        try (UnixClient client = new UnixClient(socket)) {
            client.send("GET http://other.example:" + port + "/ HTTP/1.1\r\nHost: listed.example:" + port + "\r\n\r\n");
            assertThat(client.answer().status()).isEqualTo(400);
        }
        try (UnixClient client = new UnixClient(socket)) {
            client.send(
                    "TRACE http://listed.example:" + port + "/ HTTP/1.1\r\nHost: listed.example:" + port + "\r\n\r\n");
            assertThat(client.answer().status()).isEqualTo(403);
        }
        assertThat(authorizations.subList(3, authorizations.size()))
                .containsExactly("Bearer own", "Bearer own", "Bearer two");
        authorizations.clear();

        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        UnixClient.Answer refused = get("http://listed.example:" + port + "/");
        assertThat(refused.status()).isEqualTo(502);
        assertThat(refused.body()).contains("the server's log says why").doesNotContain("two", file.toString());
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        Files.writeString(file, "Bearer two\r\nX-More: 1");
        assertThat(get("http://listed.example:" + port + "/").status()).isEqualTo(502);
        assertThat(authorizations).isEmpty();
    }

    @Test
    void boundsAreTheTenantsAndNotOneSandboxs() throws IOException {
        proxy.close();
        open(new EgressLimits(16, 3, OptionalLong.empty()));
        policy(EgressMode.ALLOWLIST, "127.0.0.1:PORT");
        for (int i = 0; i < 3; i++) {
            assertThat(get("http://127.0.0.1:" + port + "/").status()).isEqualTo(200);
            channel.close();
            channel = proxy.open(socket, TENANT);
        }
        assertThat(get("http://127.0.0.1:" + port + "/").status()).isEqualTo(429);

        channel.close();
        channel = proxy.open(socket, new TenantId("fedcba9876543210fedcba9876543210"));
        assertThat(get("http://127.0.0.1:" + port + "/").status()).isEqualTo(200);
    }
}
