package dev.cloister.isolation.local.jail;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ElfTest {
    @TempDir
    private Path directory;

    @Test
    void readsWhatAProgramNeeds() throws Exception {
        Elf bash = Elf.read(Path.of("/bin/bash").toRealPath()).orElseThrow();
        assertThat(bash.interpreter().orElseThrow()).startsWith("/lib").contains("ld-linux");
        assertThat(bash.needed()).contains("libc.so.6");
    }

    @Test
    void whatIsNoProgramNeedsNothing() throws Exception {
        assertThat(Elf.read(Path.of("/etc/passwd"))).isEmpty();
        assertThat(Elf.read(Files.write(directory.resolve("short"), new byte[] {0x7f, 'E', 'L', 'F'})))
                .isEmpty();
        assertThat(Elf.read(Files.createFile(directory.resolve("empty")))).isEmpty();
    }

    /** Any byte of the headers may be anything: an answer or the one exception, in no time and in little memory. */
    @Test
    void brokenFilesAreRefusedAndNothingElse() throws Exception {
        byte[] whole = Files.readAllBytes(Path.of("/bin/true").toRealPath());
        Random random = new Random(42);
        Path file = directory.resolve("mutant");
        int refused = 0;
        for (int round = 0; round < 4000; round++) {
            byte[] mutant = Arrays.copyOf(whole, random.nextInt(10) == 0 ? random.nextInt(whole.length) : whole.length);
            for (int i = 0; i < 1 + random.nextInt(8) && mutant.length > 8; i++) {
                int header = Math.min(mutant.length, random.nextBoolean() ? 1024 : mutant.length);
                mutant[6 + random.nextInt(header - 6)] = (byte) random.nextInt();
            }
            Files.write(file, mutant);
            try {
                Elf.read(file);
            } catch (Elf.MalformedException e) {
                refused++;
            } catch (IOException e) {
                throw new AssertionError("round " + round, e);
            }
        }
        assertThat(refused).isPositive();
    }
}
