package dev.cloister.core.broker;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.socket.UnixClient;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.upstream.Credential;
import dev.cloister.core.upstream.Upstream;
import dev.cloister.core.usage.UsageRecord;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** A broker with everything around it in memory, but its sockets real. */
final class BrokerFixture implements AutoCloseable {
    static final String MODEL = "claude-test-1";
    static final String SECRET = "sk-real-0123456789abcdef";
    static final TenantId TENANT = new TenantId("0123456789abcdef0123456789abcdef");
    static final SessionId SESSION = new SessionId(new UUID(1, 2));
    static final int BODY_LIMIT = 10_000;
    static final int PER_MINUTE = 30;

    final MeterRegistry registry = new SimpleMeterRegistry();
    final List<String> audited = new CopyOnWriteArrayList<>();
    final List<UsageRecord> usage = new CopyOnWriteArrayList<>();
    final SettableClock clock = new SettableClock();
    final Path directory;
    final UnixSocketBroker broker;

    BrokerFixture() throws IOException {
        this(Duration.ofMinutes(5));
    }

    BrokerFixture(Duration idle) throws IOException {
        // Short, whatever the build's own directory is called: a socket's path has 107 bytes.
        directory = Files.createTempDirectory("broker");
        Metrics metrics = new Metrics(registry);
        Violations violations = new Violations(
                (actor, action, detail) -> audited.add(actor + " " + action + " " + detail), metrics, "directories");
        broker = new UnixSocketBroker(
                metrics,
                violations,
                usage::add,
                new CloisterConfig.Broker(BODY_LIMIT, PER_MINUTE),
                List.of(new CloisterConfig.Price("claude-*", 3, 15)),
                clock,
                idle);
    }

    Path socket(String name) {
        return directory.resolve(name);
    }

    BrokerChannel open(Path socket, Upstream upstream) {
        return open(socket, upstream, new Credential(Credential.Kind.API_KEY, SECRET));
    }

    BrokerChannel open(Path socket, Upstream upstream, Credential credential) {
        BrokerChannel channel = broker.open(socket, new BrokerSession(TENANT, SESSION));
        channel.serve(new BrokerTurn(List.of(MODEL, "claude-test-2"), credential, upstream));
        return channel;
    }

    static String body() {
        return body(MODEL);
    }

    static String body(String model) {
        return "{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    }

    static String post() {
        return UnixClient.post("/v1/messages?beta=true", "Content-Type: application/json\r\n", body());
    }

    double refusals(String reason) {
        return registry.find("broker_refusals").tag("reason", reason).counters().stream()
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    @Override
    public void close() throws IOException {
        broker.close();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    static final class SettableClock extends Clock {
        private volatile Instant now = Instant.ofEpochMilli(1_000_000);

        void advance(Duration time) {
            now = now.plus(time);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }
}
