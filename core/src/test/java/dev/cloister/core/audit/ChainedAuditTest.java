package dev.cloister.core.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.testing.Eventually;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ChainedAuditTest {
    private static final byte[] KEY = "k".repeat(32).getBytes(StandardCharsets.US_ASCII);
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(1_700_000_000_000L), ZoneOffset.UTC);

    @TempDir
    private Path directory;

    private final InMemoryStore store = new InMemoryStore();

    @Test
    void entriesAreNumberedTimedAndChained() {
        ChainedAudit audit = audit();

        audit.record("server", "started", Map.of());
        audit.record("operator", "tenant.added", Map.of("tenant", "abc"));

        List<AuditEntry> entries = store.audit(0, 10);
        assertThat(entries).extracting(AuditEntry::seq).containsExactly(1L, 2L);
        assertThat(entries).extracting(AuditEntry::at).containsOnly(CLOCK.millis());
        assertThat(entries).extracting(AuditEntry::actor).containsExactly("server", "operator");
        assertThat(entries).extracting(AuditEntry::action).containsExactly("started", "tenant.added");
        assertThat(entries.getFirst().previous()).isEqualTo("0".repeat(64));
        assertThat(entries.getLast().previous()).isEqualTo(entries.getFirst().hash());
        assertThat(verdict())
                .isEqualTo(new AuditVerdict.Intact(2, entries.getLast().hash()));
    }

    @Test
    void theHashIsWhatItSaysAndStaysSoBetweenVersions() {
        audit().record("operator", "tenant.added", Map.of("tenant", "abc"));

        assertThat(store.audit(0, 1).getFirst().hash())
                .isEqualTo("7dea1c9a9f37ca2be2c03ca1c7bc5e0ea522ecbd95d3aa5783b440addb2dda3f");
    }

    @Test
    void aDetailIsOneLineOfAsciiInTheOrderOfItsNames() {
        Map<String, Object> detail = new LinkedHashMap<>();
        detail.put("z", "line\nbreak");
        detail.put("a", 7);
        detail.put("m", true);
        detail.put("e", "é\uD800\u202E");

        audit().record("server", "test", detail);

        assertThat(store.audit(0, 1).getFirst().detail())
                .isEqualTo("{\"a\":7,\"e\":\"\\u00E9\\uD800\\u202E\",\"m\":true,\"z\":\"line\\nbreak\"}");
    }

    @Test
    void aDetailHoldsPlainValuesOnly() {
        ChainedAudit audit = audit();
        Map<String, Object> list = Map.of("prompt", List.of("a-secret"));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> audit.record("server", "test", list))
                .withMessageContaining("prompt")
                .withMessageNotContaining("a-secret");
        assertThat(store.lastAudit()).isEmpty();
    }

    @Test
    void fieldsCannotBeShiftedIntoEachOther() {
        AuditChain chain = new AuditChain(KEY);

        assertThat(chain.hashOf(1, 2, "ab", "c", "{}", "p")).isNotEqualTo(chain.hashOf(1, 2, "a", "bc", "{}", "p"));
        assertThat(chain.hashOf(1, 22, "a", "c", "{}", "p")).isNotEqualTo(chain.hashOf(12, 2, "a", "c", "{}", "p"));
    }

    @Test
    void aShortKeyIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ChainedAudit(store, new byte[31], CLOCK, head()));
    }

    @Test
    void onlyTheOwnerCanReadTheHeadAndNothingElseIsLeft() throws IOException {
        audit().record("server", "started", Map.of());

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(head())))
                .isEqualTo("rw-------");
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactlyInAnyOrder(head(), directory.resolve("audit.head.lock"));
        }
    }

    @Test
    void manyThreadsAndTwoWritersMakeOneChain() throws Exception {
        List<ChainedAudit> writers = List.of(audit(), audit());
        CountDownLatch ready = new CountDownLatch(32);
        try (ExecutorService threads = Executors.newFixedThreadPool(32)) {
            LongStream.range(0, 32)
                    .forEach(number -> threads.execute(() -> {
                        ready.countDown();
                        for (int turn = 0; turn < 5; turn++) {
                            writers.get((int) number % 2).record("server", "test", Map.of("number", number));
                        }
                    }));
            ready.await();
        }

        AuditEntry last = store.lastAudit().orElseThrow();
        assertThat(verdict()).isEqualTo(new AuditVerdict.Intact(160, last.hash()));
        assertThat(Files.readString(head())).startsWith("000000000000000160 " + last.hash());
    }

    /** The store as it is, whose first writer is held up; says how many entries each wrote. */
    private final class SlowStore implements AuditStore {
        final CountDownLatch go = new CountDownLatch(1);
        final List<Integer> written = new CopyOnWriteArrayList<>();

        @Override
        public List<AuditEntry> appendAudit(Function<Optional<AuditEntry>, List<AuditEntry>> next) {
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            List<AuditEntry> entries = store.appendAudit(next);
            written.add(entries.size());
            return entries;
        }

        @Override
        public List<AuditEntry> audit(long after, int limit) {
            return store.audit(after, limit);
        }

        @Override
        public Optional<AuditEntry> lastAudit() {
            return store.lastAudit();
        }
    }

    @Test
    void whoComesWhileOneWritesIsWrittenTogether() throws Exception {
        SlowStore slow = new SlowStore();
        ChainedAudit audit = new ChainedAudit(slow, KEY, CLOCK, head());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Map<String, Object> detail = Map.of("number", i);
            Thread thread = Thread.ofPlatform().start(() -> audit.record("server", "test", detail));
            Eventually.holds("it waits", () -> thread.getState() == Thread.State.WAITING);
            threads.add(thread);
        }
        slow.go.countDown();
        for (Thread thread : threads) {
            thread.join();
        }

        assertThat(slow.written).containsExactly(1, 4);
        assertThat(store.audit(0, 10))
                .extracting(AuditEntry::detail)
                .containsExactly(
                        "{\"number\":0}", "{\"number\":1}", "{\"number\":2}", "{\"number\":3}", "{\"number\":4}");
        assertThat(verdict()).isInstanceOf(AuditVerdict.Intact.class);
    }

    @Test
    void aCrashBetweenEntryAndHeadIsNoTampering() throws IOException {
        ChainedAudit audit = audit();
        audit.record("server", "started", Map.of());
        byte[] behind = Files.readAllBytes(head());
        audit.record("server", "test", Map.of());
        Files.write(head(), behind);

        assertThat(verdict()).isInstanceOf(AuditVerdict.Intact.class);
        audit().record("server", "started", Map.of());
        assertThat(verdict())
                .isEqualTo(new AuditVerdict.Intact(
                        3, store.lastAudit().orElseThrow().hash()));
    }

    @Test
    void theHeadIsOverwrittenInPlaceAndAnOlderVersionsIsTakenOver() throws IOException {
        audit().record("server", "one", Map.of());
        String padded = Files.readString(head());
        Files.writeString(head(), padded.replaceFirst("^0+", ""));

        audit().record("server", "two", Map.of());
        Object taken = Files.getAttribute(head(), "unix:ino");
        audit().record("server", "three", Map.of());

        assertThat(Files.readString(head())).startsWith("000000000000000003 ").hasSameSizeAs(padded);
        assertThat(Files.getAttribute(head(), "unix:ino")).isEqualTo(taken);
        assertThat(verdict()).isInstanceOf(AuditVerdict.Intact.class);
    }

    @Test
    void aCrashRightAfterTheVeryFirstEntryIsNoTampering() throws IOException {
        ChainedAudit audit = audit();
        byte[] behind = Files.readAllBytes(head());
        audit.record("server", "started", Map.of());
        Files.write(head(), behind);

        assertThat(verdict()).isInstanceOf(AuditVerdict.Intact.class);
    }

    @Test
    void aLogThatWasCutOffIsNotContinued() {
        ChainedAudit audit = audit();
        audit.record("server", "one", Map.of());
        audit.record("server", "two", Map.of());
        store.tamperWithAudit(entries -> entries.subList(0, 1));

        assertThatThrownBy(() -> audit.record("server", "three", Map.of()))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("audit verify");
        assertThat(store.audit(0, 10)).hasSize(1);
        assertThat(verdict()).isInstanceOf(AuditVerdict.Broken.class);
    }

    @Test
    void aLogWhoseHeadWasRemovedOrForgedIsNotContinued() throws IOException {
        audit().record("server", "one", Map.of());
        Files.delete(head());
        assertThatThrownBy(() -> audit().record("server", "two", Map.of())).isInstanceOf(CloisterException.class);

        Files.writeString(head(), "nonsense");
        assertThatThrownBy(() -> audit().record("server", "two", Map.of())).isInstanceOf(CloisterException.class);
        assertThat(store.audit(0, 10)).hasSize(1);
    }

    @Test
    void aLogThatWasEmptiedIsNotBegunAgain() {
        audit().record("server", "one", Map.of());
        store.tamperWithAudit(entries -> List.of());

        assertThatThrownBy(() -> audit().record("server", "two", Map.of())).isInstanceOf(CloisterException.class);
        assertThat(verdict())
                .isEqualTo(new AuditVerdict.Broken(1, "the end of the log was cut off: the head file names entry 1"));
    }

    @Test
    void anEntrySurvivesTextThatCannotBeStored() {
        audit().record("half \uD800 pair", "test", new HashMap<>());

        assertThat(store.audit(0, 1).getFirst().actor()).isEqualTo("half ? pair");
        assertThat(verdict()).isInstanceOf(AuditVerdict.Intact.class);
    }

    private ChainedAudit audit() {
        return new ChainedAudit(store, KEY, CLOCK, head());
    }

    private AuditVerdict verdict() {
        return AuditVerifier.verify(store, KEY, head());
    }

    private Path head() {
        return directory.resolve("audit.head");
    }
}
