package dev.cloister.core.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.WorkspaceFiles.Content;
import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * What {@code files.py} says, in records that end with NUL. It runs where a tenant can do anything with it: whatever does not
 * have the form, or is longer than it may be, is an error. One thread. Closing it ends no program.
 */
final class Answer implements AutoCloseable {
    static final String GOOD = "ok";

    private static final String END = "end";
    /** Linux's file systems have no longer names. */
    private static final int LONGEST_RECORD = 255;

    private final InputStream in;

    /** @param in may wait; who ends the program ends it too */
    Answer(InputStream in) {
        this.in = in;
    }

    /** The next record. */
    String word() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int next = in.read(); next != 0; next = in.read()) {
            if (next < 0 || bytes.size() == LONGEST_RECORD) {
                throw broken();
            }
            bytes.write(next);
        }
        return bytes.toString(UTF_8);
    }

    private long number() throws IOException {
        try {
            return Long.parseLong(word());
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private long size() throws IOException {
        long size = number();
        if (size < 0) {
            throw broken();
        }
        return size;
    }

    Entry entry() throws IOException {
        return entry(kind(word()));
    }

    private Entry entry(Kind kind) throws IOException {
        long size = size();
        long modifiedAt = number();
        boolean executable = word().equals("x");
        return new Entry(word(), kind, size, modifiedAt, executable);
    }

    private static Kind kind(String word) {
        return switch (word) {
            case "file" -> Kind.FILE;
            case "directory" -> Kind.DIRECTORY;
            case "link" -> Kind.LINK;
            case "other" -> Kind.OTHER;
            default -> throw broken();
        };
    }

    List<Entry> entries(int limit) throws IOException {
        List<Entry> entries = new ArrayList<>();
        for (String word = word(); !word.equals(END); word = word()) {
            if (entries.size() == limit) {
                throw broken();
            }
            entries.add(entry(kind(word)));
        }
        return List.copyOf(entries);
    }

    /** The rest of the answer, as the content of a file; closing it closes the program. */
    Content content(Programs.Running program) throws IOException {
        long size = size();
        return new Content(size, new InputStream() {
            private long left = size;

            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                if (left == 0) {
                    return -1;
                }
                int count = in.read(target, offset, (int) Math.min(length, left));
                left -= Math.max(count, 0);
                return count;
            }

            @Override
            public void close() throws IOException {
                try (program) {
                    in.close();
                }
            }
        });
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    static CloisterException broken() {
        return new CloisterException(
                ErrorCode.INTERNAL,
                "the program that handles the workspace's files, by python3 in its sandbox, was cut off: a process or file of the"
                        + " workspace disturbs it, memory is short, or time ran out; end what runs there and try again");
    }
}
