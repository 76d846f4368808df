package dev.cloister.core.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelAllowListTest {
    @ParameterizedTest
    @CsvSource({
        "claude-*,claude-sonnet-5",
        "claude-*,claude-",
        "*,anything-1",
        "exact.name,exact.name",
        "*-5,claude-sonnet-5",
        "a*b*c,a-b-c",
        "vendor/model:1@2,vendor/model:1@2"
    })
    void offered(String pattern, String model) {
        assertThatCode(() -> new ModelAllowList(List.of("none", pattern)).require(model))
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({
        "claude-*,other-1",
        "claude-*,xclaude-1",
        "exact.name,exactXname",
        "exact,exact-1",
        "a*b,ab-",
        "claude-sonnet-5,CLAUDE-SONNET-5"
    })
    void notOffered(String pattern, String model) {
        assertThatThrownBy(() -> new ModelAllowList(List.of(pattern)).require(model))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND))
                .hasMessageContaining(model)
                .hasMessageContaining(pattern);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "--model", "-x", "a b", "a\nb", "a\u0000", "../x", "\u202ex"})
    void aNameOfAnotherShapeIsNotOfferedAndNotRepeated(String model) {
        assertThatThrownBy(() -> new ModelAllowList(List.of("*")).require(model))
                .isInstanceOf(CloisterException.class)
                .hasMessageStartingWith("model: with that name is not offered");
    }

    @Test
    void aNameThatIsTooLongIsNotOffered() {
        assertThatThrownBy(() -> new ModelAllowList(List.of("*")).require("a".repeat(201)))
                .isInstanceOf(CloisterException.class);
    }

    @Test
    void anEmptyListOffersNothing() {
        assertThatThrownBy(() -> new ModelAllowList(List.of()).require("claude-1"))
                .isInstanceOf(CloisterException.class);
    }
}
