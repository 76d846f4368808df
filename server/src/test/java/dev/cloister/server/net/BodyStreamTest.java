package dev.cloister.server.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.eclipse.jetty.http.HttpException;
import org.junit.jupiter.api.Test;

class BodyStreamTest {
    private static InputStream failing(RuntimeException failure) {
        return new BodyStream(new InputStream() {
            @Override
            public int read() {
                throw failure;
            }

            @Override
            public int read(byte[] buffer, int offset, int length) {
                throw failure;
            }
        });
    }

    @Test
    void anEndThatJettyThrowsUncheckedIsAnIoFailureLikeTheOthers() throws IOException {
        try (InputStream body = failing(new HttpException.RuntimeException(400, "Early EOF"))) {
            assertThatThrownBy(body::read).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> body.readNBytes(10)).isInstanceOf(IOException.class);
        }
    }

    @Test
    void aMistakeOfOurOwnStaysOne() throws IOException {
        try (InputStream body = failing(new IllegalStateException("ours"))) {
            assertThatThrownBy(() -> body.readNBytes(10)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void whatArrivesIsUnchanged() throws IOException {
        try (InputStream body = new BodyStream(new ByteArrayInputStream(new byte[] {1, 2, 3}))) {
            assertThat(body.read()).isEqualTo(1);
            assertThat(body.readAllBytes()).containsExactly(2, 3);
        }
    }
}
