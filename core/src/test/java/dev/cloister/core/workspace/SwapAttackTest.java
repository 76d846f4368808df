package dev.cloister.core.workspace;

import static dev.cloister.core.workspace.Fixture.path;
import static dev.cloister.core.workspace.Fixture.stream;
import static dev.cloister.core.workspace.Fixture.tenants;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A tenant's process that swaps what stands at a path for something else, as fast as it can, while the server works there.
 *
 * <p>What must stay untouched belongs to the tenant's uid here, so that nothing but not following links protects it.
 */
@Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SwapAttackTest {
    private static final String SECRET = "secret";
    private static final String HARMLESS = "harmless";

    /** What the attack may make of a request: nothing else is an answer. */
    private static final Set<ErrorCode> FAIR = Set.of(ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN, ErrorCode.CONFLICT);

    private static final int ROUNDS = 2_000;

    /** The scheduler decides how often the attacker is in time; rounds go on until it was, up to this many. */
    private static final int MOST_ROUNDS = 50_000;

    @TempDir
    Path temporary;

    private Fixture fixture;

    @BeforeEach
    void setUp() throws IOException {
        fixture = new Fixture(temporary);
        tenants(fixture.outside);
        tenants(Files.writeString(fixture.outside.resolve("file"), SECRET));
        tenants(Files.writeString(fixture.outside.resolve("only-outside"), SECRET));
    }

    private interface Attack {
        void once() throws IOException;
    }

    private interface Attempt {
        void run() throws IOException;
    }

    /** Runs an attack in a loop until it is closed. */
    private static final class Attacker implements AutoCloseable {
        private final AtomicBoolean stop = new AtomicBoolean();
        private final AtomicLong swaps = new AtomicLong();
        private final Thread thread;

        Attacker(Attack attack) {
            thread = Thread.ofPlatform().start(() -> {
                while (!stop.get()) {
                    try {
                        attack.once();
                        swaps.incrementAndGet();
                    } catch (IOException e) {
                        // The server was in between: the next swap may work again.
                        Thread.onSpinWait();
                    }
                }
            });
        }

        long swaps() {
            return swaps.get();
        }

        @Override
        public void close() {
            stop.set(true);
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Runs an attempt and returns whether it was answered; whatever else it is, is a fair refusal. */
    private static boolean answered(Map<ErrorCode, Integer> refusals, Attempt attempt) throws IOException {
        try {
            attempt.run();
            return true;
        } catch (CloisterException e) {
            assertThat(e.code()).as(e.getMessage()).isIn(FAIR);
            refusals.merge(e.code(), 1, Integer::sum);
            return false;
        }
    }

    private void nothingHappenedOutside() throws IOException {
        assertThat(fixture.outside.resolve("file")).hasContent(SECRET);
        assertThat(fixture.outside.resolve("only-outside")).hasContent(SECRET);
        try (var names = Files.list(fixture.outside)) {
            assertThat(names).hasSize(2);
        }
        assertThat(Fixture.uid(fixture.outside)).isEqualTo(Fixture.TENANT_UID);
        assertThat(fixture.staged()).isEmpty();
    }

    @Test
    void aDirectorySwappedForALinkNeverLeadsOut() throws IOException {
        fixture.write("dir/file", HARMLESS);
        Path dir = fixture.work("dir");
        Path link = tenants(Files.createSymbolicLink(fixture.work("link"), fixture.outside));
        Map<ErrorCode, Integer> refusals = new EnumMap<>(ErrorCode.class);
        int reads = 0;
        int writes = 0;
        try (Attacker attacker = new Attacker(() -> Exchange.names(dir, link))) {
            for (int round = 0; round < MOST_ROUNDS; round++) {
                if (answered(
                        refusals, () -> assertThat(fixture.read("dir/file")).isEqualTo(HARMLESS))) {
                    reads++;
                }
                answered(
                        refusals,
                        () -> assertThat(fixture.files.list(path("dir"), 50))
                                .extracting(Entry::name)
                                .doesNotContain("only-outside"));
                answered(refusals, () -> fixture.files.stat(path("dir/file")));
                // There is no such file in the tenant's own directory: a delete can only be refused.
                assertThat(answered(refusals, () -> fixture.files.delete(path("dir/only-outside"))))
                        .isFalse();
                if (round % 4 == 0 && wrote(refusals, "dir/file")) {
                    writes++;
                }
                if (round >= ROUNDS
                        && reads > 50
                        && writes > 10
                        && refusals.getOrDefault(ErrorCode.FORBIDDEN, 0) > 50) {
                    break;
                }
            }
            assertThat(attacker.swaps()).isPositive();
        }
        assertThat(reads).isGreaterThan(50);
        assertThat(writes).isGreaterThan(10);
        assertThat(refusals.get(ErrorCode.FORBIDDEN)).isGreaterThan(50);
        assertThat(fixture.refusals).isNotEmpty();
        nothingHappenedOutside();
    }

    private boolean wrote(Map<ErrorCode, Integer> refusals, String name) throws IOException {
        return answered(refusals, () -> fixture.files.write(path(name), stream(HARMLESS), 100, false));
    }

    @Test
    void aFileSwappedForALinkIsNeverFollowed() throws IOException {
        fixture.write("file", HARMLESS);
        Path file = fixture.work("file");
        Path link = tenants(Files.createSymbolicLink(fixture.work("link"), fixture.outside.resolve("file")));
        Map<ErrorCode, Integer> refusals = new EnumMap<>(ErrorCode.class);
        int reads = 0;
        try (Attacker attacker = new Attacker(() -> Exchange.names(file, link))) {
            for (int round = 0; round < MOST_ROUNDS; round++) {
                if (answered(refusals, () -> assertThat(fixture.read("file")).isEqualTo(HARMLESS))) {
                    reads++;
                }
                if (round >= ROUNDS && reads > 50 && refusals.getOrDefault(ErrorCode.FORBIDDEN, 0) > 50) {
                    break;
                }
            }
            assertThat(attacker.swaps()).isPositive();
        }
        assertThat(reads).isGreaterThan(50);
        assertThat(refusals.get(ErrorCode.FORBIDDEN)).isGreaterThan(50);
        nothingHappenedOutside();
    }

    @Test
    void aFifoSwappedInBlocksNothing() throws IOException {
        fixture.write("dir/file", HARMLESS);
        Path fifo = fixture.work("fifo");
        Fixture.run("mkfifo", fifo.toString());
        tenants(fifo);
        Path dir = fixture.work("dir");
        Map<ErrorCode, Integer> refusals = new EnumMap<>(ErrorCode.class);
        int reads = 0;
        try (Attacker attacker = new Attacker(() -> Exchange.names(dir, fifo))) {
            for (int round = 0; round < MOST_ROUNDS; round++) {
                if (answered(
                        refusals, () -> assertThat(fixture.read("dir/file")).isEqualTo(HARMLESS))) {
                    reads++;
                }
                answered(refusals, () -> fixture.files.list(path("dir"), 5));
                if (round >= ROUNDS && reads > 50 && refusals.getOrDefault(ErrorCode.CONFLICT, 0) > 50) {
                    break;
                }
            }
            assertThat(attacker.swaps()).isPositive();
        }
        assertThat(reads).isGreaterThan(50);
        assertThat(refusals.get(ErrorCode.CONFLICT)).isGreaterThan(50);
    }

    @Test
    void theWorkDirectoryItselfSwappedForALinkIsRefused() throws IOException {
        fixture.write("file", HARMLESS);
        Path work = fixture.workspace.work();
        Path link = tenants(Files.createSymbolicLink(fixture.workspace.root().resolve("link"), fixture.outside));
        int reads = 0;
        int refusals = 0;
        try (Attacker attacker = new Attacker(() -> Exchange.names(work, link))) {
            for (int round = 0; round < MOST_ROUNDS; round++) {
                try {
                    assertThat(fixture.read("file")).isEqualTo(HARMLESS);
                    reads++;
                } catch (CloisterException e) {
                    assertThat(e.code()).isEqualTo(ErrorCode.ISOLATION_FAILED);
                    refusals++;
                }
                if (round >= ROUNDS && reads > 50 && refusals > 50) {
                    break;
                }
            }
            assertThat(attacker.swaps()).isPositive();
        }
        assertThat(reads).isGreaterThan(50);
        assertThat(refusals).isGreaterThan(50);
        nothingHappenedOutside();
    }

    /** The attacker keeps the deleted directory open and goes on in it after the server has taken it away. */
    @Test
    void whatIsSwappedInsideATreeBeingDeletedNeverLeadsOut() throws IOException {
        int deleted = 0;
        for (int round = 0; round < 150; round++) {
            Path tree = fixture.work("tree");
            for (int i = 0; i < 20; i++) {
                Files.createDirectories(tree.resolve("sub/" + i + "/x"));
            }
            Files.createFile(tree.resolve("sub/file"));
            tenants(tree);
            tenants(tree.resolve("sub"));
            tenants(Files.createSymbolicLink(tree.resolve("link"), fixture.outside));
            try (SecureDirectoryStream<Path> inside = (SecureDirectoryStream<Path>) Files.newDirectoryStream(tree);
                    Attacker attacker = new Attacker(() -> {
                        inside.move(Path.of("sub"), inside, Path.of("real"));
                        inside.move(Path.of("link"), inside, Path.of("sub"));
                        inside.move(Path.of("sub"), inside, Path.of("link"));
                        inside.move(Path.of("real"), inside, Path.of("sub"));
                    })) {
                while (attacker.swaps() == 0) {
                    Thread.onSpinWait();
                }
                fixture.files.delete(path("tree"));
                deleted++;
            }
            assertThat(Files.exists(tree, LinkOption.NOFOLLOW_LINKS)).isFalse();
        }
        assertThat(deleted).isEqualTo(150);
        nothingHappenedOutside();
    }

    @Test
    void writesWinOrFailClearlyWhileTheirDirectoriesAreDeleted() throws IOException {
        Map<ErrorCode, Integer> refusals = new EnumMap<>(ErrorCode.class);
        int writes = 0;
        try (Attacker attacker = new Attacker(() -> {
            try {
                fixture.files.delete(path("a"));
            } catch (CloisterException absent) {
                throw new IOException(absent);
            }
        })) {
            for (int round = 0; round < 500; round++) {
                if (answered(refusals, () -> fixture.write("a/b/c/file", HARMLESS))) {
                    writes++;
                }
            }
            assertThat(attacker.swaps()).isPositive();
        }
        assertThat(writes).isPositive();
        assertThat(fixture.staged()).isEmpty();
    }
}
