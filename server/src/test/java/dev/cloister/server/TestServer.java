package dev.cloister.server;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.isolation.Guarantees;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.sandbox.Ports;
import dev.cloister.core.tenant.PresentedCredential;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.server.api.Collaborators;
import dev.cloister.server.api.Readiness;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.SandboxLimits;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/** A server on a free port with a fake of every service. The credentials {@code a} and {@code b} are two tenants'. */
final class TestServer implements AutoCloseable {
    static final int MAX_BODY = 200_000;
    static final int MAX_PROMPT = 50_000;
    static final int MAX_FILE = 300_000;
    static final int MAX_HEADERS = 16 * 1024;
    static final int MAX_PATH = 500;

    final FakeTurns turns = new FakeTurns();
    final FakeExecs execs = new FakeExecs();
    final FakeSessions sessions = new FakeSessions();
    final FakeWorkspaces workspaces;
    final Queue<String> audit = new ConcurrentLinkedQueue<>();
    final Queue<PresentedCredential> presented = new ConcurrentLinkedQueue<>();
    volatile List<String> notReady = List.of();
    volatile Optional<String> warning = Optional.empty();
    /** Nothing listens anywhere until a test says so. */
    Ports ports = (tenant, port) -> Optional.empty();

    final FakeHostCredentials credentials = new FakeHostCredentials();
    private final Path scratch;
    final Collaborators collaborators;
    private final HttpServer server;
    private final HttpClient client = HttpClient.newHttpClient();

    TestServer() throws IOException {
        this(Duration.ofSeconds(30), Duration.ofSeconds(30), Duration.ofMillis(300));
    }

    TestServer(Duration requestTime, Duration idle, Duration heartbeat) throws IOException {
        scratch = Files.createTempDirectory("http-test");
        workspaces = new FakeWorkspaces();
        PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        Violations violations = new Violations(
                (actor, action, detail) -> audit.add(actor + " " + action + " " + detail.get("guarantee")),
                new Metrics(meters),
                "directories");
        collaborators = new Collaborators(
                config(scratch, requestTime, heartbeat),
                this::authenticate,
                turns,
                execs,
                sessions,
                workspaces,
                new FakeUsage(),
                credentials,
                (tenant, port) -> ports.connect(tenant, port),
                () -> new Guarantees(
                        IsolationMode.DIRECTORIES,
                        Set.of(Guarantee.CREDENTIAL_NEVER_INSIDE),
                        List.of(new Finding("what", "why", "remedy")),
                        false),
                () -> new Readiness(notReady),
                () -> warning,
                violations,
                meters);
        server = new HttpServer(collaborators, idle);
        server.start();
    }

    private Principal authenticate(PresentedCredential credential) {
        presented.add(credential);
        String secret = credential.secret();
        if (!secret.equals("a") && !secret.equals("b")) {
            throw new CloisterException(ErrorCode.UNAUTHENTICATED, "the credential is not known");
        }
        Tenant tenant = new Tenant(new TenantId(secret.repeat(32)), secret, 1, true, 0);
        return new Principal(tenant, new Credential(Credential.Kind.API_KEY, secret));
    }

    private static CloisterConfig config(Path scratch, Duration requestTime, Duration heartbeat) {
        return new CloisterConfig(
                new CloisterConfig.Http("127.0.0.1", 0, heartbeat, false),
                new CloisterConfig.Paths(scratch, scratch, scratch, OptionalLong.empty()),
                new CloisterConfig.Identity(CloisterConfig.IdentityMode.TOKEN, CloisterConfig.Admission.AUTO),
                new CloisterConfig.Tenants(Optional.empty()),
                new CloisterConfig.Isolation(
                        Optional.empty(),
                        false,
                        Set.of(),
                        new SandboxLimits(1L << 30, 1, 512, 64 << 20, 1024),
                        Optional.empty(),
                        List.of(),
                        new CloisterConfig.Container(
                                Path.of("/nowhere"), "none", Optional.empty(), Duration.ofMinutes(1)),
                        new CloisterConfig.MicroVm(
                                Path.of("/nowhere"),
                                CloisterConfig.Hypervisor.QEMU,
                                CloisterConfig.Accelerator.TCG,
                                1L << 30,
                                Duration.ofMinutes(1),
                                Duration.ofMinutes(1)),
                        Optional.empty()),
                new CloisterConfig.Violations(OptionalInt.empty(), Duration.ofMinutes(1)),
                new CloisterConfig.UpstreamSettings(
                        Optional.empty(),
                        CloisterConfig.CredentialSource.PASSTHROUGH,
                        Optional.empty(),
                        Optional.empty(),
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(1)),
                new CloisterConfig.Models(List.of("*"), List.of()),
                new CloisterConfig.Agent(
                        Optional.empty(),
                        10,
                        Duration.ofMinutes(1),
                        0,
                        CloisterConfig.Prewarm.NONE,
                        Duration.ZERO,
                        1,
                        1L << 30),
                new CloisterConfig.Policy(CloisterConfig.PolicyPreset.BALANCED, List.of(), List.of()),
                new CloisterConfig.Limits(
                        MAX_BODY,
                        MAX_PROMPT,
                        MAX_FILE,
                        MAX_HEADERS,
                        MAX_PATH,
                        64,
                        requestTime,
                        10,
                        10,
                        0,
                        0,
                        Duration.ofSeconds(1),
                        1000,
                        1000,
                        Duration.ofMinutes(10),
                        1000),
                new CloisterConfig.Sessions(100, 100),
                new CloisterConfig.Broker(1_000_000, 100),
                new CloisterConfig.Egress(
                        Optional.empty(), EgressPolicy.CLOSED, new EgressLimits(1, 1, OptionalLong.empty())),
                new CloisterConfig.Ports(true),
                new CloisterConfig.Log(CloisterConfig.LogFormat.TEXT, CloisterConfig.LogLevel.INFO));
    }

    void stop() {
        server.close();
    }

    int port() {
        return server.port();
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port() + path);
    }

    /** A request as tenant a. */
    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(uri(path)).header("authorization", "Bearer a");
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(request(path));
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return send(request(path)
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)));
    }

    RawClient raw() throws IOException {
        return new RawClient(port());
    }

    static Map<String, Object> object(String json) {
        return FakeTurns.MAPPER.readValue(json, new tools.jackson.core.type.TypeReference<>() {});
    }

    @Override
    public void close() throws IOException {
        server.close();
        client.close();
        try (Stream<Path> left = Files.walk(scratch)) {
            for (Path path : left.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
