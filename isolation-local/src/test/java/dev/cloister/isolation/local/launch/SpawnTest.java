package dev.cloister.isolation.local.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SpawnTest {
    private static ChildProcess shell(String script) throws IOException {
        return Spawn.start(List.of("/bin/sh", "-c", script), List.of("PATH=/usr/bin:/bin", "NAME=ä"));
    }

    private static String all(InputStream in) throws IOException {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    private static long openFiles() throws IOException {
        try (var files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }

    @Test
    void aProgramHasItsArgumentsItsEnvironmentAndItsPipes() throws Exception {
        ChildProcess child = shell("cat; echo \"$NAME $PWD\"; echo oops >&2; env | sort | cut -d= -f1 | xargs");
        child.stdin().write("grüße\n".getBytes(StandardCharsets.UTF_8));
        child.stdin().close();

        assertThat(all(child.stdout())).isEqualTo("grüße\nä /\nNAME PATH PWD\n");
        assertThat(all(child.stderr())).isEqualTo("oops\n");
        child.awaitEnd();
        assertThat(child.isAlive()).isFalse();
        assertThat(ProcessHandle.of(child.pid())).isEmpty();
    }

    @Test
    void noSignalIsHeldBack() throws Exception {
        ChildProcess child = shell("grep SigBlk /proc/self/status");

        assertThat(all(child.stdout())).matches("SigBlk:\\s0+\\n");
        assertThat(all(child.stderr())).isEmpty();
    }

    @Test
    void whatCannotBeStartedSaysSo() {
        assertThatThrownBy(() -> Spawn.start(List.of("/nowhere"), List.of()))
                .isInstanceOf(IOException.class)
                .hasMessage("posix_spawn failed with error 2");
        assertThatThrownBy(() -> Spawn.start(List.of("/bin/echo", "cut\0off"), List.of()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("NUL");
    }

    @Test
    void aKilledOneEndsAndItsPidIsNotUsedAgain() throws Exception {
        ChildProcess child = shell("exec sleep 600");
        assertThat(child.isAlive()).isTrue();
        child.kill();
        child.awaitEnd();
        child.kill();

        assertThat(all(child.stdout())).isEmpty();
        assertThat(child.isAlive()).isFalse();
    }

    @Test
    void nothingIsLeftOfManyThatWereReadOrDiscarded() throws Exception {
        shell("true").discard();
        long before = openFiles();
        for (int i = 0; i < 50; i++) {
            ChildProcess read = shell("echo hello");
            assertThat(all(read.stdout())).isEqualTo("hello\n");
            assertThat(all(read.stderr())).isEmpty();
            read.awaitEnd();
            ChildProcess discarded = shell("exec sleep 600");
            discarded.discard();
            discarded.awaitEnd();
        }
        // The threads that reap close the last ends.
        for (int i = 0; i < 100 && openFiles() > before; i++) {
            Thread.sleep(20);
        }

        assertThat(openFiles()).isLessThanOrEqualTo(before);
    }
}
