package dev.cloister.isolation.docker;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DockerEngineTest {
    /** As one whose process is stopped: the kernel still takes connections for it. */
    @Test
    void anEngineThatNeverAnswersIsNotWaitedForWithoutALimit() throws IOException {
        Path directory = Files.createTempDirectory("cloister-engine");
        Path socket = directory.resolve("s");
        try (ServerSocketChannel silent = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            silent.bind(UnixDomainSocketAddress.of(socket));
            try (DockerEngine engine = DockerEngine.at("unix://" + socket, Duration.ofMillis(300))) {
                assertThatThrownBy(() -> engine.start("a"))
                        .isInstanceOf(IsolationException.class)
                        .hasMessageContaining("no container engine answers at unix://" + socket);
                assertThatThrownBy(engine::description).isInstanceOf(IsolationException.class);
            }
        } finally {
            Files.deleteIfExists(socket);
            Files.delete(directory);
        }
    }
}
