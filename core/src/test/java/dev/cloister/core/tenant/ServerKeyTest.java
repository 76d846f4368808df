package dev.cloister.core.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerKeyTest {
    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void name() {
        file = directory.resolve("identity.key");
    }

    @Test
    void theKeyIsMadeOnceAndForTheServerOnly() throws IOException {
        ServerKey made = ServerKey.load(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Files.readAllBytes(file)).hasSize(32);
        assertThat(ServerKey.load(file).bytes()).isEqualTo(made.bytes());
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void twoServersHaveTwoKeysAndTwoFingerprints() {
        ServerKey other = ServerKey.load(directory.resolve("other.key"));
        assertThat(ServerKey.load(file).fingerprint("token")).isNotEqualTo(other.fingerprint("token"));
    }

    @Test
    void aFingerprintIsTheSameForTheSameCredentialOnly() {
        ServerKey key = ServerKey.load(file);
        assertThat(key.fingerprint("token")).isEqualTo(ServerKey.load(file).fingerprint("token"));
        assertThat(key.fingerprint("token")).isNotEqualTo(key.fingerprint("token "));
    }

    @Test
    void ofSeveralFirstStartsOneMakesTheKey() throws Exception {
        Set<Fingerprint> fingerprints = new HashSet<>();
        Callable<Fingerprint> start = () -> ServerKey.load(file).fingerprint("token");
        try (ExecutorService starts = Executors.newFixedThreadPool(8)) {
            for (var one :
                    starts.invokeAll(Stream.generate(() -> start).limit(8).toList())) {
                fingerprints.add(one.get());
            }
        }
        assertThat(fingerprints).hasSize(1);
    }

    @Test
    void aKeyThatOthersCanReadIsRefused() throws IOException {
        ServerKey.load(file);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        assertThatThrownBy(() -> ServerKey.load(file))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("chmod 600 " + file);
    }

    @Test
    void aDamagedKeyIsRefusedAndNotReplaced() throws IOException {
        ServerKey.load(file);
        Files.write(file, new byte[31]);
        assertThatThrownBy(() -> ServerKey.load(file))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("damaged");
        assertThat(Files.size(file)).isEqualTo(31);
    }

    @Test
    void aLinkIsNotFollowed() throws IOException {
        Path elsewhere = directory.resolve("elsewhere");
        ServerKey.load(elsewhere);
        Files.createSymbolicLink(file, elsewhere);
        assertThatThrownBy(() -> ServerKey.load(file)).isInstanceOf(CloisterException.class);
    }

    @Test
    void theKeyCannotBeChangedThroughItsCopy() {
        ServerKey key = ServerKey.load(file);
        byte[] copy = key.bytes();
        copy[0]++;
        assertThat(key.bytes()).isNotEqualTo(copy);
    }
}
