package dev.cloister.server.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class JsonTest {
    private final Json json = new Json(100);

    private void read(String body) {
        json.object(body.getBytes(StandardCharsets.UTF_8), "");
    }

    @Test
    void saysWhereATextIsNotUnicode() {
        assertThatThrownBy(() -> read("{\"a\":{\"b\":[\"x\",\"\\ud800\"]}}"))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("a.b[1]");
    }

    @Test
    void aLongWayDownIsCutInTheMessage() {
        String names = ("{\"" + "n".repeat(900) + "\":").repeat(50);
        assertThatThrownBy(() -> read(names + "\"\\u0000\"" + "}".repeat(50)))
                .isInstanceOf(CloisterException.class)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(200));
    }
}
