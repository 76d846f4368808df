package dev.cloister.core.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.flow.OnPlatformThread;
import dev.cloister.core.flow.PumpedInput;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.Failures;
import dev.cloister.core.workspace.Refusals;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/**
 * The files of a tenant that only its sandbox reaches: each act is a run of {@code files.py} there, as the tenant. So nothing
 * that it does can reach further than the tenant itself; that links are refused, and reported, is only to answer as the other
 * implementation does. The tenant can end, stop or replace the program: it loses its own answer, after a time-out at the latest.
 *
 * <p>What {@code chmod} took from the tenant it has to give back before its files are read, as for its own programs. A write that
 * is killed with its whole sandbox can leave {@code .cloister-writing-…} in the workspace.
 *
 * <p>Thread-safe; any thread may call it.
 */
final class SandboxFiles implements WorkspaceFiles {
    private static final String PROGRAM = program();
    private static final int PIECE = 64 << 10;
    private static final int FILE_MODE = 0600;
    private static final int EXECUTABLE_MODE = 0700;
    /** How long a write that is given up may take to tidy up. */
    private static final Duration TIDYING = Duration.ofSeconds(2);
    /** ENOENT: see errno(3). */
    private static final String NOTHING_THERE = "2";

    private final Tenant tenant;
    private final Programs programs;
    private final Refusals refusals;

    SandboxFiles(Tenant tenant, Programs programs, Refusals refusals) {
        this.tenant = tenant;
        this.programs = programs;
        this.refusals = refusals;
    }

    private static String program() {
        try (InputStream in = Objects.requireNonNull(SandboxFiles.class.getResourceAsStream("files.py"))) {
            return new String(in.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Programs.Running start(String act, List<String> path, String argument) throws IOException {
        String hex = HexFormat.of().formatHex(String.join("/", path).getBytes(UTF_8));
        Programs.Running program =
                programs.start(tenant, List.of(), List.of("python3", "-I", "-S", "-c", PROGRAM, act, hex, argument));
        program.process().stderr().close();
        return program;
    }

    private static Answer answer(Programs.Running program) {
        return new Answer(new PumpedInput(
                program.process().stdout(), "files-" + program.process().pid()));
    }

    @FunctionalInterface
    private interface Reading<T> {
        T of(Answer answer) throws IOException;
    }

    /** Runs an act that is told nothing more, and reads its answer. */
    private <T> T ask(String act, List<String> path, String argument, Reading<T> reading) throws IOException {
        try (Programs.Running program = start(act, path, argument);
                Answer answer = answer(program)) {
            program.process().stdin().close();
            requireGood(answer);
            return reading.of(answer);
        }
    }

    @Override
    public Entry stat(List<String> path) throws IOException {
        return ask("stat", path, "", Answer::entry);
    }

    @Override
    public Entry target(List<String> path) throws IOException {
        Entry entry = stat(path);
        if (entry.kind() == Kind.LINK) {
            throw link(Guarantee.FILES_OF_OTHERS_UNREADABLE);
        }
        return entry;
    }

    @Override
    public List<Entry> list(List<String> path, int limit) throws IOException {
        return ask("list", path, Integer.toString(limit), answer -> answer.entries(limit));
    }

    @Override
    public Content read(List<String> path) throws IOException {
        if (path.isEmpty()) {
            throw Failures.workspaceAsFile();
        }
        Programs.Running program = start("read", path, "");
        Answer answer = answer(program);
        boolean good = false;
        try {
            program.process().stdin().close();
            requireGood(answer);
            Content content = answer.content(program);
            good = true;
            return content;
        } finally {
            if (!good) {
                answer.close();
                program.close();
            }
        }
    }

    @Override
    public boolean write(List<String> path, InputStream content, long maxBytes, boolean executable) throws IOException {
        if (path.isEmpty()) {
            throw Failures.workspaceAsFile();
        }
        int mode = executable ? EXECUTABLE_MODE : FILE_MODE;
        try (Programs.Running program = start("write", path, Integer.toOctalString(mode));
                Answer answer = answer(program)) {
            send(content, maxBytes, program);
            requireWritten(answer);
            return switch (answer.word()) {
                case "created" -> true;
                case "replaced" -> false;
                default -> throw Answer.broken();
            };
        }
    }

    /** Whatever happens on the way, what was sent is not taken for a whole file. */
    private static void send(InputStream content, long maxBytes, Programs.Running program) throws IOException {
        boolean whole = false;
        try {
            // Both the client and the process may let this thread wait: see PumpedInput.
            OnPlatformThread.run(
                    "files-" + program.process().pid(),
                    () -> copy(content, maxBytes, program.process().stdin()));
            whole = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while writing a file", e);
        } finally {
            if (!whole) {
                program.process().terminate(TIDYING);
            }
        }
    }

    private static void copy(InputStream content, long maxBytes, OutputStream out) throws IOException {
        byte[] piece = new byte[PIECE];
        long total = 0;
        for (int count = content.read(piece); count >= 0; count = content.read(piece)) {
            total += count;
            if (total > maxBytes) {
                throw Failures.tooLarge(maxBytes);
            }
            if (count > 0 && !sent(out, piece, count)) {
                return;
            }
        }
        if (sent(out, piece, 0)) {
            out.close();
        }
    }

    /** False if the program has ended already: its answer says why. */
    private static boolean sent(OutputStream out, byte[] piece, int count) {
        try {
            out.write(ByteBuffer.allocate(Integer.BYTES).putInt(count).array());
            out.write(piece, 0, count);
            out.flush();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void delete(List<String> path) throws IOException {
        if (path.isEmpty()) {
            throw Failures.workspaceDeleted();
        }
        boolean ignored = ask("delete", path, "", answer -> true);
    }

    private void requireGood(Answer answer) throws IOException {
        String word = answer.word();
        if (!word.equals(Answer.GOOD)) {
            throw switch (word) {
                case "link" -> link(Guarantee.FILES_OF_OTHERS_UNREADABLE);
                case "directory" -> Failures.directoryToRead();
                case "special" -> Failures.specialToRead();
                default -> refused(word);
            };
        }
    }

    private void requireWritten(Answer answer) throws IOException {
        String word = answer.word();
        if (!word.equals(Answer.GOOD)) {
            throw switch (word) {
                case "link" -> link(Guarantee.FILES_OF_OTHERS_UNWRITABLE);
                case "directory" -> Failures.directoryToReplace();
                case "special" -> Failures.specialToReplace();
                case NOTHING_THERE -> Failures.changing();
                default -> refused(word);
            };
        }
    }

    /** What any act can be refused for, an error of the kernel in the end. */
    private static CloisterException refused(String word) {
        return switch (word) {
            case "file" -> Failures.noDirectory();
            case "many" -> Failures.manyNames();
            case "busy" ->
                Failures.conflict("a process keeps creating files in what is being deleted; end it, and try again");
            default -> word.matches("[1-9][0-9]{0,3}") ? Failures.of(-Integer.parseInt(word)) : Answer.broken();
        };
    }

    private CloisterException link(Guarantee guarantee) {
        refusals.refused(tenant.id(), guarantee, "a symbolic link on the path of a file request");
        return Failures.link();
    }
}
