package dev.cloister.server.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PercentDecodingTest {
    @Test
    void decodesOnce() {
        assertThat(PercentDecoding.decode("the path", "a%2Fb%2f%C3%A9é%2541")).isEqualTo("a/b/éé%41");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"%", "%4", "a%4", "%zz", "%4g", "%-1", "%+1", "%\uff14\uff11", "%\u0664\u0661", "%4\uff11", "%ff"
            })
    void refusesWhatIsNoEscape(String raw) {
        assertThatThrownBy(() -> PercentDecoding.decode("the path", raw)).isInstanceOf(CloisterException.class);
    }
}
