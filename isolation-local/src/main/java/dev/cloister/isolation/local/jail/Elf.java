package dev.cloister.isolation.local.jail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a program or library of 64 bits needs of others, read from the file itself: running it, or ldd on it, would let it say
 * what it likes. Source: elf(5), ld.so(8).
 *
 * @param interpreter the loader that starts it; empty for a library or a static program
 * @param needed names of libraries
 * @param runPath where it wants them looked for, with {@code $ORIGIN} for its own directory
 */
record Elf(Optional<String> interpreter, List<String> needed, List<String> runPath) {
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int MOST_PROGRAM_HEADERS = 512;
    private static final int MOST_DYNAMIC = 1 << 20;
    private static final int MOST_NAME = 4096;
    private static final int PT_LOAD = 1;
    private static final int PT_DYNAMIC = 2;
    private static final int PT_INTERP = 3;
    private static final int DT_NEEDED = 1;
    private static final int DT_STRTAB = 5;
    private static final int DT_RPATH = 15;
    private static final int DT_RUNPATH = 29;

    Elf {
        needed = List.copyOf(needed);
        runPath = List.copyOf(runPath);
    }

    /** The file is not what it says it is. */
    static final class MalformedException extends IOException {
        private static final long serialVersionUID = 1;

        MalformedException(Path file, String what) {
            super(file + ": " + what);
        }
    }

    private record Segment(int type, long offset, long address, long size) {}

    private record Entry(long tag, long value) {}

    /**
     * Empty if it is no ELF file of 64 bits for little-endian processors.
     *
     * @throws MalformedException if it begins like one and then breaks its own rules
     */
    static Optional<Elf> read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer magic = ByteBuffer.allocate(HEADER);
            while (magic.hasRemaining() && channel.read(magic) >= 0) {}
            byte[] head = magic.array();
            if (magic.position() < HEADER
                    || head[0] != 0x7f
                    || head[1] != 'E'
                    || head[2] != 'L'
                    || head[3] != 'F'
                    || head[4] != 2
                    || head[5] != 1) {
                return Optional.empty();
            }
            return Optional.of(new Reader(file, channel).parse(magic.flip().order(ByteOrder.LITTLE_ENDIAN)));
        }
    }

    private record Reader(Path file, FileChannel channel) {
        Elf parse(ByteBuffer header) throws IOException {
            List<Segment> segments = segments(header);
            Optional<String> interpreter = Optional.empty();
            List<Entry> dynamic = new ArrayList<>();
            for (Segment segment : segments) {
                if (segment.type() == PT_INTERP) {
                    interpreter = Optional.of(text(segment.offset()));
                } else if (segment.type() == PT_DYNAMIC) {
                    dynamic.addAll(dynamic(segment));
                }
            }
            Optional<Long> table = dynamic.stream()
                    .filter(entry -> entry.tag() == DT_STRTAB)
                    .map(Entry::value)
                    .findFirst();
            if (table.isEmpty()) {
                return new Elf(interpreter, List.of(), List.of());
            }
            long strings = offsetOf(segments, table.get());
            List<String> needed = texts(dynamic, DT_NEEDED, strings);
            List<String> runPath = texts(dynamic, DT_RUNPATH, strings);
            // The older tag counts only without the newer.
            List<String> paths = runPath.isEmpty() ? texts(dynamic, DT_RPATH, strings) : runPath;
            return new Elf(
                    interpreter,
                    needed,
                    paths.stream()
                            .flatMap(path -> List.of(path.split(":", -1)).stream())
                            .filter(path -> !path.isEmpty())
                            .toList());
        }

        private List<Segment> segments(ByteBuffer header) throws IOException {
            long offset = header.getLong(32);
            int size = Short.toUnsignedInt(header.getShort(54));
            int count = Short.toUnsignedInt(header.getShort(56));
            if (count > 0 && (size != PROGRAM_HEADER || count > MOST_PROGRAM_HEADERS)) {
                throw new MalformedException(file, "its program headers are of no known form");
            }
            ByteBuffer all = bytes(offset, count * PROGRAM_HEADER);
            List<Segment> segments = new ArrayList<>();
            for (int at = 0; at < count * PROGRAM_HEADER; at += PROGRAM_HEADER) {
                segments.add(
                        new Segment(all.getInt(at), all.getLong(at + 8), all.getLong(at + 16), all.getLong(at + 32)));
            }
            return segments;
        }

        private List<Entry> dynamic(Segment segment) throws IOException {
            if (segment.size() < 0 || segment.size() > MOST_DYNAMIC) {
                throw new MalformedException(file, "its dynamic section is too large");
            }
            int size = (int) segment.size();
            ByteBuffer all = bytes(segment.offset(), size);
            List<Entry> entries = new ArrayList<>();
            for (int at = 0; at + 16 <= size && all.getLong(at) != 0; at += 16) {
                entries.add(new Entry(all.getLong(at), all.getLong(at + 8)));
            }
            return entries;
        }

        private long offsetOf(List<Segment> segments, long address) throws IOException {
            for (Segment segment : segments) {
                long into = address - segment.address();
                if (segment.type() == PT_LOAD && into >= 0 && into < segment.size()) {
                    return segment.offset() + into;
                }
            }
            throw new MalformedException(file, "its names lie outside of the file");
        }

        private List<String> texts(List<Entry> entries, long tag, long strings) throws IOException {
            List<String> found = new ArrayList<>();
            for (Entry entry : entries) {
                if (entry.tag() == tag) {
                    found.add(text(strings + entry.value()));
                }
            }
            return found;
        }

        private String text(long offset) throws IOException {
            long left = channel.size() - offset;
            if (offset < 0 || left <= 0) {
                throw new MalformedException(file, "a name lies outside of the file");
            }
            byte[] all = bytes(offset, (int) Math.min(MOST_NAME, left)).array();
            int end = 0;
            while (end < all.length && all[end] != 0) {
                end++;
            }
            if (end == 0 || end == all.length) {
                throw new MalformedException(file, "a name has no end");
            }
            return new String(all, 0, end, StandardCharsets.UTF_8);
        }

        private ByteBuffer bytes(long offset, int count) throws IOException {
            if (offset < 0 || offset > channel.size() - count) {
                throw new MalformedException(file, "a part lies outside of the file");
            }
            ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
            while (buffer.hasRemaining()) {
                if (channel.read(buffer, offset + buffer.position()) < 0) {
                    throw new MalformedException(file, "it ended while it was read");
                }
            }
            return buffer.flip().order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
