package dev.cloister.core.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.store.InMemoryStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class AuditVerifierTest {
    private static final byte[] KEY = "k".repeat(32).getBytes(StandardCharsets.US_ASCII);
    private static final byte[] OTHER_KEY = "o".repeat(32).getBytes(StandardCharsets.US_ASCII);
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(1_700_000_000_000L), ZoneOffset.UTC);

    @TempDir
    private Path directory;

    private final InMemoryStore store = new InMemoryStore();

    @BeforeEach
    void writeFive() {
        record(KEY, 5);
    }

    @Test
    void anUntouchedLogIsIntact() {
        assertThat(verdict())
                .isEqualTo(new AuditVerdict.Intact(
                        5, store.lastAudit().orElseThrow().hash()));
    }

    @Test
    void aLogOfManyPagesIsIntactAndReadToItsEnd() {
        appendWithoutHead(2_500);

        assertThat(verdict())
                .isInstanceOfSatisfying(
                        AuditVerdict.Intact.class,
                        intact -> assertThat(intact.entries()).isEqualTo(2_505));

        changeEntry(2_400, old -> with(old, old.at() + 1));
        assertThat(brokenAt()).isEqualTo(2_400);
    }

    @Test
    void noLogIsIntact() {
        InMemoryStore empty = new InMemoryStore();

        assertThat(AuditVerifier.verify(empty, KEY, directory.resolve("none")))
                .isEqualTo(new AuditVerdict.Intact(0, "0".repeat(64)));
    }

    @ParameterizedTest
    @MethodSource("changesOfOneField")
    void aChangedFieldBreaksItsEntry(UnaryOperator<AuditEntry> change) {
        changeEntry(3, change);

        assertThat(brokenAt()).isEqualTo(3);
    }

    static Stream<Named<UnaryOperator<AuditEntry>>> changesOfOneField() {
        return Stream.of(
                Named.of("at", old -> with(old, old.at() - 1)),
                Named.of(
                        "actor",
                        old -> new AuditEntry(
                                old.seq(),
                                old.at(),
                                "operator",
                                old.action(),
                                old.detail(),
                                old.previous(),
                                old.hash())),
                Named.of(
                        "action",
                        old -> new AuditEntry(
                                old.seq(), old.at(), old.actor(), "nothing", old.detail(), old.previous(), old.hash())),
                Named.of(
                        "detail",
                        old -> new AuditEntry(
                                old.seq(), old.at(), old.actor(), old.action(), "{}", old.previous(), old.hash())),
                Named.of(
                        "previous",
                        old -> new AuditEntry(
                                old.seq(),
                                old.at(),
                                old.actor(),
                                old.action(),
                                old.detail(),
                                "0".repeat(64),
                                old.hash())),
                Named.of(
                        "hash",
                        old -> new AuditEntry(
                                old.seq(),
                                old.at(),
                                old.actor(),
                                old.action(),
                                old.detail(),
                                old.previous(),
                                "f".repeat(64))));
    }

    @ParameterizedTest
    @MethodSource("changesOfTheOrder")
    void aChangedOrderBreaksTheLogWhereItBegins(Consumer<List<AuditEntry>> change, long firstBroken) {
        store.tamperWithAudit(entries -> {
            List<AuditEntry> changed = new ArrayList<>(entries);
            change.accept(changed);
            return changed;
        });

        assertThat(brokenAt()).isEqualTo(firstBroken);
    }

    static Stream<Arguments> changesOfTheOrder() {
        return Stream.of(
                order("first deleted", 1, List::removeFirst),
                order("middle deleted", 3, entries -> entries.remove(2)),
                order("tail deleted", 5, List::removeLast),
                order("all deleted", 1, List::clear),
                order("two exchanged", 2, entries -> Collections.swap(entries, 1, 2)),
                order("two exchanged and renumbered", 2, entries -> {
                    AuditEntry second = entries.get(1);
                    entries.set(1, renumbered(entries.get(2), 2));
                    entries.set(2, renumbered(second, 3));
                }),
                order("middle deleted and the rest renumbered", 3, entries -> {
                    entries.remove(2);
                    entries.set(2, renumbered(entries.get(2), 3));
                    entries.set(3, renumbered(entries.get(3), 4));
                }),
                order("a copy inserted at the end", 6, entries -> entries.add(renumbered(entries.get(4), 6))),
                order(
                        "one inserted before the first",
                        1,
                        entries -> entries.addFirst(renumbered(entries.getFirst(), 0))),
                order("one repeated", 3, entries -> entries.add(2, entries.get(1))));
    }

    @Test
    void anotherKeyProvesNothing() {
        assertThat(AuditVerifier.verify(store, OTHER_KEY, head()))
                .isEqualTo(new AuditVerdict.Broken(1, "the entry was changed, or was not written under this key"));
    }

    @Test
    void aMissingHeadIsBroken() throws IOException {
        Files.delete(head());

        assertThat(brokenAt()).isEqualTo(6);
    }

    @ParameterizedTest
    @MethodSource("forgedHeads")
    void aForgedHeadIsBroken(UnaryOperator<String> change) throws IOException {
        Files.writeString(head(), change.apply(Files.readString(head())));

        assertThat(brokenAt()).isEqualTo(6);
    }

    static Stream<Named<UnaryOperator<String>>> forgedHeads() {
        return Stream.of(
                Named.of("empty", old -> ""),
                Named.of("an earlier number", old -> "4" + old.substring(1)),
                Named.of("no seal", old -> old.substring(0, old.lastIndexOf(' ')) + "\n"),
                Named.of("a longer line", old -> old + "x"),
                Named.of("a number too long", old -> "9".repeat(40) + old.substring(1)));
    }

    @Test
    void aHeadFromAnotherLogIsBroken() throws IOException {
        InMemoryStore other = new InMemoryStore();
        Path otherHead = directory.resolve("other.head");
        new ChainedAudit(other, KEY, CLOCK, otherHead).record("server", "other", Map.of());
        Files.copy(otherHead, head(), StandardCopyOption.REPLACE_EXISTING);

        assertThat(verdict())
                .isEqualTo(new AuditVerdict.Broken(1, "the entry is not the one that the head file names"));
    }

    private void record(byte[] key, int count) {
        ChainedAudit audit = new ChainedAudit(store, key, CLOCK, head());
        for (int number = 0; number < count; number++) {
            audit.record("server", "test", Map.of("number", number));
        }
    }

    /** As far behind as no crash leaves the head, but without writing a file for each entry. */
    private void appendWithoutHead(int count) {
        AuditChain chain = new AuditChain(KEY);
        for (int number = 0; number < count; number++) {
            store.appendAudit(last -> {
                AuditEntry before = last.orElseThrow();
                long seq = before.seq() + 1;
                String hash = chain.hashOf(seq, 1, "server", "test", "{}", before.hash());
                return List.of(new AuditEntry(seq, 1, "server", "test", "{}", before.hash(), hash));
            });
        }
    }

    private void changeEntry(int seq, UnaryOperator<AuditEntry> change) {
        store.tamperWithAudit(entries -> {
            List<AuditEntry> changed = new ArrayList<>(entries);
            changed.set(seq - 1, change.apply(changed.get(seq - 1)));
            return changed;
        });
    }

    private long brokenAt() {
        return ((AuditVerdict.Broken) verdict()).seq();
    }

    private AuditVerdict verdict() {
        return AuditVerifier.verify(store, KEY, head());
    }

    private Path head() {
        return directory.resolve("audit.head");
    }

    private static AuditEntry with(AuditEntry old, long at) {
        return new AuditEntry(old.seq(), at, old.actor(), old.action(), old.detail(), old.previous(), old.hash());
    }

    private static AuditEntry renumbered(AuditEntry old, long seq) {
        return new AuditEntry(seq, old.at(), old.actor(), old.action(), old.detail(), old.previous(), old.hash());
    }

    private static Arguments order(String name, long firstBroken, Consumer<List<AuditEntry>> change) {
        return Arguments.of(Named.of(name, change), firstBroken);
    }
}
