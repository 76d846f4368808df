package dev.cloister.core.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class LineReaderTest {
    /** A stream that gives at most so many bytes at once, as pipes do. */
    private static final class Drip extends InputStream {
        private final InputStream bytes;
        private final int most;

        Drip(String text, int most) {
            this.bytes = new ByteArrayInputStream(text.getBytes(UTF_8));
            this.most = most;
        }

        @Override
        public int read() throws IOException {
            return bytes.read();
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            return bytes.read(buffer, offset, Math.min(length, most));
        }
    }

    private static List<String> lines(InputStream in, int maxLength) throws IOException {
        LineReader reader = new LineReader(in, maxLength);
        List<String> lines = new ArrayList<>();
        for (Optional<String> line = reader.next(); line.isPresent(); line = reader.next()) {
            lines.add(line.get());
        }
        return lines;
    }

    @Property
    void howTheBytesArriveDoesNotMatter(
            @ForAll @Size(max = 20) List<String> parts, @ForAll @IntRange(min = 1, max = 9) int atOnce)
            throws IOException {
        // As bytes and back: half a surrogate pair has no bytes of its own.
        List<String> wanted = parts.stream()
                .map(part -> new String(part.replace("\n", "").getBytes(UTF_8), UTF_8))
                .filter(part -> !part.isBlank())
                .toList();
        String text = String.join(
                        "\n", parts.stream().map(part -> part.replace("\n", "")).toList()) + "\n";
        assertThat(lines(new Drip(text, atOnce), 1 << 20)).isEqualTo(wanted);
    }

    @Test
    void aLineLongerThanTheBufferIsOneLine() throws IOException {
        String big = "x".repeat(100_000);
        assertThat(lines(new Drip(big + "\nnext\n", 1 << 20), 100_000)).containsExactly(big, "next");
    }

    @Test
    void aLineThatIsCutOffIsDropped() throws IOException {
        assertThat(lines(new Drip("whole\n{\"cut\":", 100), 100)).containsExactly("whole");
    }

    @Test
    void aLineOverTheLimitIsRefusedBeforeItsEndIsSeen() {
        assertThatThrownBy(() -> lines(new Drip("1234567890", 3), 5))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("longer than 5 bytes")
                .hasMessageNotContaining("123");
    }

    @Test
    void aLineOfExactlyTheLimitIsRead() throws IOException {
        assertThat(lines(new Drip("12345\n", 2), 5)).containsExactly("12345");
    }
}
