package dev.cloister.core.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.config.EgressFile;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.tenant.TenantId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EgressRulesTest {
    private static final TenantId TENANT = new TenantId("0123456789abcdef0123456789abcdef");
    private static final Duration EVERY = Duration.ofMillis(20);

    private final List<String> audited = new CopyOnWriteArrayList<>();

    @TempDir
    private Path directory;

    private EgressRules watch(Path file) {
        return EgressRules.watch(
                file, EgressFile::read, (actor, action, detail) -> audited.add(actor + " " + action), EVERY);
    }

    private static void until(BooleanSupplier holds) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    @Test
    void aChangeCountsWithoutARestartAndAMistakeChangesNothing() throws Exception {
        Path file = Files.writeString(directory.resolve("egress.yaml"), "mode: closed\n");
        try (EgressRules rules = watch(file)) {
            assertThat(rules.of(TENANT).mode()).isEqualTo(EgressMode.CLOSED);
            Path fresh = Files.writeString(directory.resolve("fresh"), "mode: open\n");
            Files.move(fresh, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            until(() -> rules.of(TENANT).mode() == EgressMode.OPEN);
            until(() -> audited.equals(List.of("server egress.rules")));
            Files.writeString(file, "mode: ajar\n");
            Thread.sleep(10 * EVERY.toMillis());
            assertThat(rules.of(TENANT).mode()).isEqualTo(EgressMode.OPEN);
            Files.delete(file);
            Thread.sleep(10 * EVERY.toMillis());
            assertThat(rules.of(TENANT).mode()).isEqualTo(EgressMode.OPEN);
            Files.writeString(file, "mode: allowlist\n");
            until(() -> rules.of(TENANT).mode() == EgressMode.ALLOWLIST);
        }
    }

    @Test
    void aFileWithAMistakeStopsTheStart() throws Exception {
        Path file = Files.writeString(directory.resolve("egress.yaml"), "mode: ajar\n");
        assertThatThrownBy(() -> watch(file)).isInstanceOf(CloisterException.class);
    }
}
