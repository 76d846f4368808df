package dev.cloister.cli.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {
    @TempDir
    private Path parent;

    @Test
    void isMadeForTheServerAlone() throws Exception {
        Path directory = parent.resolve("deeper/data");
        DataDirectory data = DataDirectory.open(directory);
        data.store().close();
        data.identityKey();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("keys/identity"))))
                .isEqualTo("rw-------");
    }

    @Test
    void isRefusedIfOthersCouldEnterIt() throws Exception {
        Path directory = Files.createDirectory(parent.resolve("data"));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThatThrownBy(() -> DataDirectory.open(directory))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("chmod 700 " + directory);
    }

    @Test
    void isRefusedIfItIsALink() throws Exception {
        Path real = Files.createDirectory(parent.resolve("real"));
        Files.setPosixFilePermissions(real, PosixFilePermissions.fromString("rwx------"));
        Path link = Files.createSymbolicLink(parent.resolve("link"), real);
        assertThatThrownBy(() -> DataDirectory.open(link)).isInstanceOf(CloisterException.class);
    }

    @Test
    void keepsItsKeys() {
        DataDirectory data = DataDirectory.open(parent.resolve("data"));
        assertThat(data.identityKey().fingerprint("token"))
                .isEqualTo(data.identityKey().fingerprint("token"));
        assertThat(data.identityKey().bytes()).isNotEqualTo(data.auditKey().bytes());
    }

    @Test
    void refusesAKeyThatOthersCanRead() throws Exception {
        DataDirectory data = DataDirectory.open(parent.resolve("data"));
        data.identityKey();
        Path key = parent.resolve("data/keys/identity");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));
        assertThatThrownBy(data::identityKey).hasMessageContaining("chmod 600 " + key);
    }

    @Test
    void refusesADamagedKeyRatherThanMakingANewOne() throws Exception {
        DataDirectory data = DataDirectory.open(parent.resolve("data"));
        data.identityKey();
        Files.write(parent.resolve("data/keys/identity"), new byte[3]);
        assertThatThrownBy(data::identityKey).hasMessageContaining("damaged");
    }

    @Test
    void belongsToOneServerAtATime() throws Exception {
        DataDirectory data = DataDirectory.open(parent.resolve("data"));
        try (FileLock held = data.lock()) {
            assertThat(held.isValid()).isTrue();
            assertThatThrownBy(data::lock)
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));
        }
    }
}
