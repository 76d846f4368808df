package dev.cloister.isolation.local.launch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.List;

/**
 * Starts programs by posix_spawn(3). Stateless and thread-safe.
 *
 * <p>{@link ProcessBuilder} starts a helper program first, and that the program: a second {@code exec} for every process (ADR
 * 0023). What the helper is for, to close what the JVM has open, the launcher does itself before anything else.
 *
 * @see <a href="https://man7.org/linux/man-pages/man3/posix_spawn.3.html">posix_spawn(3)</a>
 */
final class Spawn {
    static final int SIGKILL = 9;

    /** At least the size of every libc's posix_spawn_file_actions_t, posix_spawnattr_t, sigset_t and siginfo_t. */
    private static final MemoryLayout OPAQUE = MemoryLayout.sequenceLayout(128, ADDRESS);

    private static final short POSIX_SPAWN_SETSIGMASK = 0x08;
    private static final int O_CLOEXEC = 0x80000;
    private static final int P_PID = 1;
    private static final int WEXITED = 4;
    private static final int WNOWAIT = 0x0100_0000;

    /** As the JVM reads and writes the names of files. */
    private static final Charset NAMES = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    private static final MethodHandle PIPE2 = handle("pipe2", ADDRESS, JAVA_INT);
    private static final MethodHandle CLOSE = handle("close", JAVA_INT);
    private static final MethodHandle KILL = handle("kill", JAVA_INT, JAVA_INT);
    private static final MethodHandle WAITID = handle("waitid", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle WAITPID = handle("waitpid", JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle ACTIONS_INIT = handle("posix_spawn_file_actions_init", ADDRESS);
    private static final MethodHandle ACTIONS_DESTROY = handle("posix_spawn_file_actions_destroy", ADDRESS);
    private static final MethodHandle ACTIONS_DUP2 =
            handle("posix_spawn_file_actions_adddup2", ADDRESS, JAVA_INT, JAVA_INT);
    private static final MethodHandle ACTIONS_CHDIR = handle("posix_spawn_file_actions_addchdir_np", ADDRESS, ADDRESS);
    private static final MethodHandle ATTRIBUTES_INIT = handle("posix_spawnattr_init", ADDRESS);
    private static final MethodHandle ATTRIBUTES_DESTROY = handle("posix_spawnattr_destroy", ADDRESS);
    private static final MethodHandle ATTRIBUTES_FLAGS = handle("posix_spawnattr_setflags", ADDRESS, JAVA_SHORT);
    private static final MethodHandle ATTRIBUTES_SIGMASK = handle("posix_spawnattr_setsigmask", ADDRESS, ADDRESS);
    private static final MethodHandle POSIX_SPAWN =
            handle("posix_spawn", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);

    private Spawn() {}

    /**
     * Starts a program with an environment of nothing but {@code environment}, in {@code /}, its input and outputs on pipes. The
     * thread that calls is the one whose end the kernel tells the program of, if that asked for it.
     *
     * @param argv the first is the program's path
     * @throws IOException if it could not be started
     */
    static ChildProcess start(List<String> argv, List<String> environment) throws IOException {
        if (argv.stream().anyMatch(argument -> argument.indexOf('\0') >= 0)) {
            // The program would see it cut off there.
            throw new IOException("an argument holds a NUL");
        }
        try (Pipe in = Pipe.open();
                Pipe out = Pipe.open();
                Pipe err = Pipe.open()) {
            int pid = spawn(argv, environment, new int[] {in.read, out.write, err.write});
            try {
                // By their names, because Java has no stream for a descriptor that it did not open.
                return new ChildProcess(
                        pid,
                        new FileOutputStream(Pipe.path(in.write)),
                        new FileInputStream(Pipe.path(out.read)),
                        new FileInputStream(Pipe.path(err.read)));
            } catch (IOException e) {
                signal(pid, SIGKILL);
                awaitEnd(pid);
                reap(pid);
                throw e;
            }
        }
    }

    private static int spawn(List<String> argv, List<String> environment, int[] standard) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment actions = arena.allocate(OPAQUE);
            MemorySegment attributes = arena.allocate(OPAQUE);
            require("posix_spawn_file_actions_init", call(ACTIONS_INIT, actions));
            require("posix_spawnattr_init", call(ATTRIBUTES_INIT, attributes));
            try {
                for (int number = 0; number < standard.length; number++) {
                    require("dup2", call(ACTIONS_DUP2, actions, standard[number], number));
                }
                require("chdir", call(ACTIONS_CHDIR, actions, arena.allocateFrom("/")));
                // The JVM's threads block what the launcher is to be told.
                require("sigmask", call(ATTRIBUTES_SIGMASK, attributes, arena.allocate(OPAQUE)));
                require("setflags", call(ATTRIBUTES_FLAGS, attributes, POSIX_SPAWN_SETSIGMASK));
                MemorySegment pid = arena.allocate(JAVA_INT);
                require(
                        "posix_spawn",
                        call(
                                POSIX_SPAWN,
                                pid,
                                text(arena, argv.getFirst()),
                                actions,
                                attributes,
                                texts(arena, argv),
                                texts(arena, environment)));
                return pid.get(JAVA_INT, 0);
            } finally {
                call(ATTRIBUTES_DESTROY, attributes);
                call(ACTIONS_DESTROY, actions);
            }
        }
    }

    /** Returns when a child has ended; its pid stays its own until it is reaped. */
    static void awaitEnd(int pid) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(OPAQUE);
            int answer;
            do {
                answer = call(WAITID, P_PID, pid, info, WEXITED | WNOWAIT);
                // A signal of the JVM's own may have interrupted it. One that ended and was not reaped is still there.
            } while (answer != 0 && call(KILL, pid, 0) == 0);
        }
    }

    /** Forgets a child that has ended. */
    static void reap(int pid) {
        call(WAITPID, pid, MemorySegment.NULL, 0);
    }

    static void signal(int pid, int signal) {
        call(KILL, pid, signal);
    }

    private static MemorySegment texts(Arena arena, List<String> texts) {
        // The array ends with a null pointer.
        MemorySegment all = arena.allocate(ADDRESS, texts.size() + 1L);
        for (int i = 0; i < texts.size(); i++) {
            all.setAtIndex(ADDRESS, i, text(arena, texts.get(i)));
        }
        return all;
    }

    private static MemorySegment text(Arena arena, String text) {
        byte[] bytes = text.getBytes(NAMES);
        return arena.allocateFrom(JAVA_BYTE, Arrays.copyOf(bytes, bytes.length + 1));
    }

    /** These functions return the error's number, as it stands in errno(3). */
    private static void require(String what, int error) throws IOException {
        if (error != 0) {
            throw new IOException(what + " failed with error " + error);
        }
    }

    private static MethodHandle handle(String name, MemoryLayout... parameters) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(JAVA_INT, parameters))
                .asSpreader(Object[].class, parameters.length);
    }

    private static int call(MethodHandle function, Object... arguments) {
        try {
            return (int) function.invokeExact(arguments);
        } catch (Throwable impossible) {
            throw new IllegalStateException("a function of the C library could not be called", impossible);
        }
    }

    /** Both ends, which are closed with it; who wants to keep one opens it again. */
    private record Pipe(int read, int write) implements AutoCloseable {
        static Pipe open() throws IOException {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ends = arena.allocate(JAVA_INT, 2);
                if (call(PIPE2, ends, O_CLOEXEC) != 0) {
                    throw new IOException("no pipe could be made: the server has as many files open as it may");
                }
                return new Pipe(ends.getAtIndex(JAVA_INT, 0), ends.getAtIndex(JAVA_INT, 1));
            }
        }

        static String path(int end) {
            return "/proc/self/fd/" + end;
        }

        @Override
        public void close() {
            call(CLOSE, read);
            call(CLOSE, write);
        }
    }
}
