package dev.cloister.core.workspace;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The attacker's best tool: two names change places in one step, so that at no moment one of them is free.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/rename.2.html">rename(2), RENAME_EXCHANGE</a>
 */
final class Exchange {
    private static final int AT_FDCWD = -100;
    private static final int RENAME_EXCHANGE = 2;
    private static final MethodHandle RENAMEAT2 = handle();

    private Exchange() {}

    static void names(Path one, Path other) throws IOException {
        int result;
        try (Arena arena = Arena.ofConfined()) {
            result = (int) RENAMEAT2.invokeExact(
                    AT_FDCWD,
                    arena.allocateFrom(one.toString(), UTF_8),
                    AT_FDCWD,
                    arena.allocateFrom(other.toString(), UTF_8),
                    RENAME_EXCHANGE);
        } catch (Throwable impossible) {
            throw new IllegalStateException("renameat2 could not be called", impossible);
        }
        if (result != 0) {
            throw new IOException("the names could not be exchanged");
        }
    }

    /** Restricted because a wrong signature could crash the process; this one is renameat2(2)'s. */
    @SuppressWarnings("restricted")
    private static MethodHandle handle() {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("renameat2"),
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT));
    }
}
