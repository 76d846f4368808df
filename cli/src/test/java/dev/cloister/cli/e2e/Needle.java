package dev.cloister.cli.e2e;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Looks for a text everywhere a tenant could find it, with root's eyes. */
final class Needle {
    private static final int PAGE = 4096;
    /** Pages read from a process at once. */
    private static final int RUN = 256;

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final byte[] text;

    Needle(String text) {
        this.text = text.getBytes(StandardCharsets.US_ASCII);
    }

    /** The processes that run under a uid in any of its four forms. */
    static List<Long> processes(long uid) throws IOException {
        List<Long> found = new ArrayList<>();
        try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
            for (Path entry : entries.filter(
                            path -> path.getFileName().toString().matches("\\d+"))
                    .toList()) {
                try {
                    boolean ours = Files.readAllLines(entry.resolve("status")).stream()
                            .filter(line -> line.startsWith("Uid:"))
                            .anyMatch(line -> List.of(line.split("\\s+")).contains(Long.toString(uid)));
                    if (ours) {
                        found.add(Long.parseLong(entry.getFileName().toString()));
                    }
                } catch (IOException e) {
                    // It ended since it was listed.
                    continue;
                }
            }
        }
        return found;
    }

    /** The processes of a uid that do not end within a time that is long even for a slow machine. */
    static List<Long> lasting(long uid) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        List<Long> left = processes(uid);
        while (!left.isEmpty() && System.nanoTime() < deadline) {
            Thread.sleep(20);
            left = processes(uid);
        }
        return left;
    }

    /** Where the text stands in the processes of a uid: environment, arguments, open files, memory. */
    Set<String> inProcesses(long uid) throws IOException {
        Set<String> places = new TreeSet<>();
        for (long pid : processes(uid)) {
            Path process = Path.of("/proc", Long.toString(pid));
            for (String name : List.of("environ", "cmdline")) {
                if (isIn(process.resolve(name))) {
                    places.add(name);
                }
            }
            if (isInOpenFiles(process)) {
                places.add("fd");
            }
            if (isInMemory(process)) {
                places.add("memory");
            }
        }
        return places;
    }

    private boolean isInOpenFiles(Path process) {
        try (Stream<Path> descriptors = Files.list(process.resolve("fd"))) {
            return descriptors.toList().stream().anyMatch(this::isInOpenFile);
        } catch (IOException e) {
            // It ended meanwhile.
            return false;
        }
    }

    private boolean isInOpenFile(Path descriptor) {
        String target;
        try {
            target = Files.readSymbolicLink(descriptor).toString();
        } catch (IOException e) {
            // It was closed meanwhile.
            return false;
        }
        // Following the link opens the file itself, even a deleted one or a memfd, which has no path.
        return contains(target.getBytes(StandardCharsets.UTF_8)) || Files.isRegularFile(descriptor) && isIn(descriptor);
    }

    private boolean isInMemory(Path process) {
        try (RandomAccessFile memory =
                        new RandomAccessFile(process.resolve("mem").toFile(), "r");
                RandomAccessFile pages =
                        new RandomAccessFile(process.resolve("pagemap").toFile(), "r")) {
            for (String line : Files.readAllLines(process.resolve("maps"))) {
                String[] fields = line.split("\\s+");
                boolean changeable = fields[1].startsWith("rw") || fields[4].equals("0");
                if (fields[1].startsWith("r") && fields[1].endsWith("p") && changeable && !line.contains("[v")) {
                    String[] range = fields[0].split("-");
                    if (isInMapping(
                            memory, pages, Long.parseLong(range[0], 16), Long.parseUnsignedLong(range[1], 16))) {
                        return true;
                    }
                }
            }
        } catch (IOException e) {
            // It ended meanwhile.
            return false;
        }
        return false;
    }

    /** Reads only pages that are there: the agent reserves address space by the gigabyte. */
    private boolean isInMapping(RandomAccessFile memory, RandomAccessFile pages, long from, long to)
            throws IOException {
        byte[] entries = new byte[RUN * Long.BYTES];
        // What stood at the end of the run before, for a text that crosses the border.
        byte[] tail = new byte[0];
        for (long start = from; start < to; start += (long) RUN * PAGE) {
            int count = (int) Math.min(RUN, (to - start) / PAGE);
            pages.seek(start / PAGE * Long.BYTES);
            pages.readFully(entries, 0, count * Long.BYTES);
            byte[] run = new byte[tail.length + count * PAGE];
            System.arraycopy(tail, 0, run, 0, tail.length);
            boolean any = false;
            for (int i = 0; i < count; i++) {
                // The highest byte holds the bits "present" and "swapped".
                if ((entries[i * Long.BYTES + 7] & 0xC0) != 0) {
                    any = true;
                    readPage(memory, start + (long) i * PAGE, run, tail.length + i * PAGE);
                }
            }
            if (any && contains(run)) {
                return true;
            }
            tail = any ? Arrays.copyOfRange(run, run.length - text.length, run.length) : new byte[0];
        }
        return false;
    }

    private static void readPage(RandomAccessFile memory, long address, byte[] into, int offset) {
        try {
            memory.seek(address);
            memory.readFully(into, offset, PAGE);
        } catch (IOException e) {
            // The process gave the page back meanwhile.
            Arrays.fill(into, offset, offset + PAGE, (byte) 0);
        }
    }

    /** The files below a directory that hold the text, in their name or their bytes; no link is followed. */
    List<Path> below(Path directory) throws IOException {
        List<Path> found = new ArrayList<>();
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (contains(file.toString().getBytes(StandardCharsets.UTF_8))
                        || attributes.isRegularFile() && isIn(file)
                        || attributes.isSymbolicLink()
                                && contains(
                                        Files.readSymbolicLink(file).toString().getBytes(StandardCharsets.UTF_8))) {
                    found.add(file);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                    throw failure;
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return found;
    }

    private boolean isIn(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return contains(in.readAllBytes());
        } catch (IOException e) {
            // It is gone since it was listed.
            return false;
        }
    }

    boolean contains(byte[] haystack) {
        int last = haystack.length - text.length;
        for (int i = 0; i <= last; i++) {
            int matched = 0;
            while (matched < text.length && haystack[i + matched] == text[matched]) {
                matched++;
            }
            if (matched == text.length) {
                return true;
            }
        }
        return false;
    }
}
