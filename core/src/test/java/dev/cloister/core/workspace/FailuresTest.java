package dev.cloister.core.workspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FailuresTest {
    @ParameterizedTest
    @CsvSource({
        "2, NOT_FOUND, nothing stands",
        "13, FORBIDDEN, permissions",
        "1, FORBIDDEN, permissions",
        "20, CONFLICT, needs a directory",
        "21, CONFLICT, a directory stands",
        "39, CONFLICT, a directory stands",
        "16, CONFLICT, try again",
        "11, CONFLICT, lease",
        "28, OVERLOADED, workspace.quota",
        "122, OVERLOADED, full",
        "24, OVERLOADED, too many files",
        "36, INVALID_REQUEST, too long",
        "30, INTERNAL, read-only",
        "18, INTERNAL, file system of the staging directory",
        "5, INTERNAL, error number 5"
    })
    void eachErrorNumberSaysWhatToDo(int errno, ErrorCode code, String words) {
        CloisterException failure = Failures.of(-errno);
        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure).hasMessageContaining(words);
    }

    @Test
    void eachExceptionOfTheLibrarySaysWhatToDo() {
        assertThat(Failures.of(new NoSuchFileException("f")).code()).isEqualTo(ErrorCode.NOT_FOUND);
        assertThat(Failures.of(new AccessDeniedException("f")).code()).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(Failures.of(new IOException("No space left on device")).code())
                .isEqualTo(ErrorCode.OVERLOADED);
        assertThat(Failures.of(new FileSystemException("f", null, "Disk quota exceeded"))
                        .code())
                .isEqualTo(ErrorCode.OVERLOADED);
        assertThat(Failures.of(new FileSystemException("f", null, "Too many open files"))
                        .code())
                .isEqualTo(ErrorCode.OVERLOADED);
        assertThat(Failures.of(new IOException("secret path")).getMessage()).doesNotContain("secret");
    }
}
