package dev.cloister.isolation.microvm.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ToolTest {
    @TempDir
    private Path scratch;

    @Test
    void saysWhatAProgramSaid() {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> Tool.of("find", "/no/such/place").run())
                .withMessageContaining("find failed")
                .withMessageContaining("/no/such/place");
    }

    @Test
    void saysWhatToInstall() {
        assertThatExceptionOfType(IsolationException.class)
                .isThrownBy(() -> Tool.of("no-such-program").run())
                .withMessageContaining("apt-get install no-such-program");
    }

    @Test
    void removesNothingThatIsMountedInATree() throws IOException {
        assumeThat(Rights.own()).as("only root can mount").isZero();
        Path point = Files.createDirectories(scratch.resolve("tree/dev"));
        assumeThat(mount(point).end().exit()).as("mounting is allowed here").isZero();
        try {
            Files.writeString(point.resolve("of-the-host"), "kept");
            Tool.discard(scratch.resolve("tree"));
            assertThat(point.resolve("of-the-host")).hasContent("kept");
        } finally {
            Tool.of("umount", point.toString()).run();
        }
    }

    @Test
    void whatAProgramMountsApartIsSeenByNobody() throws IOException {
        assumeThat(Rights.own()).as("only root can mount").isZero();
        Path point = Files.createDirectory(scratch.resolve("point"));
        assumeThat(mount(point).apart().end().exit())
                .as("mounting is allowed here")
                .isZero();
        assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(point.toString());
    }

    private static Tool mount(Path point) {
        return Tool.of("mount", "-t", "tmpfs", "none", point.toString());
    }
}
