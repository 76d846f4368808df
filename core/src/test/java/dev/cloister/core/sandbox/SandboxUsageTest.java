package dev.cloister.core.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.testing.FakeBackend;
import dev.cloister.core.testing.FakeProcess;
import dev.cloister.core.testing.TestWorkspaces;
import dev.cloister.spi.Usage;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SandboxUsageTest {
    @TempDir
    private Path directory;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final InMemoryStore store = new InMemoryStore();
    private final List<String> audited = new CopyOnWriteArrayList<>();
    private Tenant tenant;
    private FakeBackend backend;
    private UsageBooks books;
    private Sandboxes sandboxes;

    @BeforeEach
    void open() throws IOException {
        tenant = new Tenant(new TenantId("a".repeat(32)), "", TestWorkspaces.tenantUid(), true, 1);
        Metrics metrics = new Metrics(meters);
        backend = new FakeBackend(
                Files.createDirectory(directory.resolve("shares")), spec -> new FakeProcess(terminal -> 0));
        books = new UsageBooks(
                metrics,
                store::addSandboxUsage,
                new Violations(
                        (actor, action, detail) -> audited.add(actor + " " + action + " " + detail.get("guarantee")
                                + " " + detail.get("limit") + " " + detail.get("times")),
                        metrics,
                        "directories"));
        sandboxes = new Sandboxes(TestWorkspaces.in(directory), backend, metrics, books, Optional.empty(), false);
    }

    private static Usage usage(long cpu, long throttled, long peak, long killed, long refused) {
        return new Usage(Duration.ofMillis(cpu), Duration.ofMillis(throttled), 0, peak, killed, refused);
    }

    private double counted(String name) {
        return meters.get(name).counter().count();
    }

    @Test
    void eachEndOfAUseAddsWhatCameSinceTheLast() {
        Sandboxes.Use first = sandboxes.use(tenant);
        Sandboxes.Use second = sandboxes.use(tenant);
        backend.used(usage(1000, 200, 900, 1, 0));
        first.close();
        first.close();
        backend.used(usage(1500, 200, 800, 1, 2));
        second.close();
        books.close();

        assertThat(store.sandboxUsage(tenant.id()))
                .isEqualTo(new SandboxUsage(Duration.ofMillis(1500), Duration.ofMillis(200), 900, 1, 2));
        assertThat(counted("sandbox_cpu_seconds")).isEqualTo(1.5);
        assertThat(counted("sandbox_throttled_seconds")).isEqualTo(0.2);
        assertThat(counted("sandbox_oom_kills")).isEqualTo(1);
        assertThat(counted("sandbox_pids_refused")).isEqualTo(2);
        assertThat(audited)
                .containsExactly(
                        tenant.id() + " violation RESOURCES_BOUNDED isolation.memory 1",
                        tenant.id() + " violation RESOURCES_BOUNDED isolation.pids 2");
    }

    @Test
    void aNewSandboxCountsFromZero() {
        backend.used(usage(1000, 0, 900, 1, 0));
        sandboxes.use(tenant).close();
        backend.used(usage(400, 0, 100, 0, 0));
        sandboxes.use(tenant).close();
        books.close();

        assertThat(store.sandboxUsage(tenant.id()))
                .isEqualTo(new SandboxUsage(Duration.ofMillis(1400), Duration.ZERO, 900, 1, 0));
        assertThat(audited).hasSize(1);
    }

    @Test
    void whereNothingIsCountedNothingIsWritten() {
        sandboxes.use(tenant).close();
        books.close();

        assertThat(store.sandboxUsage(tenant.id())).isEqualTo(SandboxUsage.NONE);
        assertThat(counted("sandbox_cpu_seconds")).isZero();
        assertThat(backend.isQuiet()).isTrue();
    }

    @Test
    void aSandboxClosesThoughItsUsageCannotBeReadOrBooked() {
        books.close();
        backend.used(usage(1000, 0, 900, 1, 0));
        sandboxes.use(tenant).close();

        assertThat(backend.isQuiet()).isTrue();
    }
}
