package dev.cloister.core.workspace;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The few system calls on open directories that java.nio does not offer. Stateless and thread-safe.
 *
 * <p>{@link java.nio.file.SecureDirectoryStream} would be the way without them, but JDK 25's cannot hold a hostile tree:
 * it opens directories without O_DIRECTORY, so that a FIFO swapped in blocks the thread; if it met a plain file there, it
 * closes one descriptor twice and leaks another; it cannot ask an open file who owns it; it has no mkdir; and it cannot
 * change the mode of a directory that it may not read.
 *
 * <p>Every call answers as the kernel does: zero or more if it worked, else the negated errno.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/openat.2.html">openat(2)</a>
 */
final class Posix {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int EAGAIN = 11;
    static final int EACCES = 13;
    static final int EBUSY = 16;
    static final int EEXIST = 17;
    static final int EXDEV = 18;
    static final int ENOTDIR = 20;
    static final int EISDIR = 21;
    static final int ENFILE = 23;
    static final int EMFILE = 24;
    static final int ENOSPC = 28;
    static final int EROFS = 30;
    static final int ENAMETOOLONG = 36;
    static final int ENOTEMPTY = 39;
    static final int EDQUOT = 122;

    static final int AT_FDCWD = -100;

    private static final int O_NOCTTY = 0x100;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_PATH = 0x200000;
    private static final int O_NOFOLLOW = noFollow();
    private static final int AT_REMOVEDIR = 0x200;

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));

    private static final MethodHandle OPENAT =
            handle("openat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle CLOSE = handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle RENAMEAT =
            handle("renameat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    private static final MethodHandle UNLINKAT =
            handle("unlinkat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

    private Posix() {}

    /** Holds whatever stands there, a link itself included, without opening it: nothing blocks, nothing is read. */
    static int hold(int directory, byte[] name) {
        return open(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }

    /** Opens for reading; follows links, so only for paths that lead through a held descriptor. */
    static int openForReading(byte[] path) {
        return open(AT_FDCWD, path, O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }

    private static int open(int directory, byte[] name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return answer(state, (int) OPENAT.invokeExact(state, directory, text(arena, name), flags));
        } catch (Throwable impossible) {
            throw unlinked("openat", impossible);
        }
    }

    static int close(int descriptor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return answer(state, (int) CLOSE.invokeExact(state, descriptor));
        } catch (Throwable impossible) {
            throw unlinked("close", impossible);
        }
    }

    /** Renames atomically, replacing a file, a link itself, or an empty directory. Follows no link at either name. */
    static int rename(int fromDirectory, byte[] from, int toDirectory, byte[] to) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return answer(state, (int)
                    RENAMEAT.invokeExact(state, fromDirectory, text(arena, from), toDirectory, text(arena, to)));
        } catch (Throwable impossible) {
            throw unlinked("renameat", impossible);
        }
    }

    /** Removes a name that is not a directory; a link itself, never what it points to. */
    static int unlink(int directory, byte[] name) {
        return unlink(directory, name, 0);
    }

    /** Removes an empty directory. */
    static int removeDirectory(int directory, byte[] name) {
        return unlink(directory, name, AT_REMOVEDIR);
    }

    private static int unlink(int directory, byte[] name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            return answer(state, (int) UNLINKAT.invokeExact(state, directory, text(arena, name), flags));
        } catch (Throwable impossible) {
            throw unlinked("unlinkat", impossible);
        }
    }

    private static int answer(MemorySegment state, int result) {
        return result >= 0 ? result : -(int) ERRNO.get(state, 0L);
    }

    private static MemorySegment text(Arena arena, byte[] bytes) {
        // Arenas hand out zeroed memory: the byte more is the terminator.
        MemorySegment segment = arena.allocate(bytes.length + 1L);
        MemorySegment.copy(bytes, 0, segment, JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    /** A method handle's signature allows any Throwable; these calls throw none. */
    private static IllegalStateException unlinked(String call, Throwable cause) {
        return new IllegalStateException(call + " could not be called", cause);
    }

    /** Restricted because a wrong signature could crash the process; these four are openat(2), close(2), renameat(2), unlinkat(2). */
    @SuppressWarnings("restricted")
    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name), descriptor, Linker.Option.captureCallState("errno"));
    }

    /** The one flag used here whose value differs between processors. */
    private static int noFollow() {
        String architecture = System.getProperty("os.arch");
        return switch (architecture) {
            case "amd64", "riscv64" -> 0x20000;
            case "aarch64" -> 0x8000;
            default ->
                throw new IllegalStateException("the value of O_NOFOLLOW is not known for " + architecture
                        + ": add it from the kernel's asm/fcntl.h");
        };
    }
}
