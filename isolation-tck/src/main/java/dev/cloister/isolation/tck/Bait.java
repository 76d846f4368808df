package dev.cloister.isolation.tck;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * What attacks on one pair of tenants aim at: a victim that has a secret in every place where a process can have one, a file
 * of the server's, listeners; and the eyes that see from outside what an attack did. Not thread-safe. Closing it ends the
 * victim's process; files in the victim's tree stay, and go with the tree.
 */
public final class Bait implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final int LOOKS = 10;
    private static final int MOST_SAID = 8192;
    private static final String VICTIM = Texts.of("victim.py");
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Pair pair;
    private final Path scratch;
    private final String token = hex(8);
    private final String name = hex(4);
    private final ServerSocket tcp;
    private final DatagramSocket udp;
    private @Nullable AutoCloseable victim;
    private long victimPid;
    private SortedMap<Path, String> tree = new TreeMap<>();
    private String word = "";
    /** What the last attack changed in the victim's tree. */
    private SortedSet<Path> changed = new TreeSet<>();

    private Map<String, String> kept = Map.of();

    private Bait(Pair pair, Path scratch) throws IOException {
        this.pair = pair;
        this.scratch = scratch;
        this.tcp = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        this.udp = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        udp.setSoTimeout(1);
        tcp.setSoTimeout(1);
    }

    /**
     * @param scratch an existing directory that nobody but the server's user may enter
     * @throws IOException if the victim did not start
     */
    static Bait lay(Pair pair, Path scratch) throws IOException, InterruptedException {
        Bait bait = new Bait(pair, scratch);
        try {
            Files.writeString(
                    Files.createFile(
                            bait.state(),
                            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))),
                    "state-" + bait.token);
            bait.live();
            bait.kept = pair.victim().keep("session-" + bait.token);
        } catch (IOException | InterruptedException | RuntimeException e) {
            bait.close();
            throw e;
        }
        return bait;
    }

    private static String hex(int bytes) {
        byte[] random = new byte[bytes];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    private Path state() {
        return scratch.resolve("state-" + name);
    }

    private void live() throws IOException, InterruptedException {
        victim = pair.victim()
                .start(
                        List.of("python3", "-c", VICTIM, "arg-" + token, "bait-" + name),
                        Map.of("BAIT", name, "SECRET", "env-" + token),
                        "READY");
        victimPid = processWhere(pid -> {
            String line = read(pid, "cmdline");
            // Not what launched it, which may have been given the same arguments.
            return line.substring(0, Math.max(0, line.indexOf('\0'))).endsWith("python3")
                    && line.contains("\0arg-" + token + "\0bait-");
        });
        if (victimPid == 0) {
            throw new IOException("the victim ended as soon as it was ready");
        }
    }

    Pair pair() {
        return pair;
    }

    /** What attacks are told. None of it is secret. */
    public Map<String, String> variables() {
        Map<String, String> all = new TreeMap<>();
        all.putAll(pair.told());
        all.putAll(kept);
        all.put("V_HOME", pair.victim().home().toString());
        all.put("V_WORK", pair.victim().work().toString());
        all.put("V_PID", Long.toString(victimPid));
        all.put("V_BAIT", name);
        all.put("SERVER_PID", Long.toString(ProcessHandle.current().pid()));
        all.put("SERVER_STATE", state().toString());
        all.put("TCP", Integer.toString(tcp.getLocalPort()));
        all.put("UDP", Integer.toString(udp.getLocalPort()));
        all.put("WORD", word);
        return all;
    }

    /** Before each attack: a new word, and all as it was. */
    void ready() throws IOException, InterruptedException {
        if (!changed.isEmpty() || !isWell(victimPid)) {
            end();
            live();
        }
        drain();
        word = "word-" + hex(8);
        changed = new TreeSet<>();
        tree = snapshot();
    }

    /** Whether the attack that had these variables got through. */
    boolean shows(Sign sign, String output) throws IOException, InterruptedException {
        return switch (sign) {
            case SECRET_SHOWN -> output.contains(token);
            case TREE_CHANGED -> {
                changed = difference(tree, snapshot());
                yield !changed.isEmpty();
            }
            case PROCESS_HARMED -> !isWell(victimPid);
            case WORD_RECEIVED -> drain() || pair.ears().test(word);
            case PROCESS_LEFT -> isLeft();
            case GAINED -> output.lines().anyMatch("GAINED"::equals);
        };
    }

    private static SortedSet<Path> difference(Map<Path, String> before, Map<Path, String> after) {
        SortedSet<Path> all = new TreeSet<>(before.keySet());
        all.addAll(after.keySet());
        all.removeIf(path -> Objects.equals(before.get(path), after.get(path)));
        return all;
    }

    /** For people, what was seen besides what the attack printed. */
    String seen() {
        return changed.isEmpty() ? "" : "changed " + changed + "; ";
    }

    /** Whether the word came; empties what waits. */
    private boolean drain() throws IOException {
        boolean came = false;
        while (true) {
            try (Socket connection = tcp.accept()) {
                came |= said(connection).contains(word) && !word.isEmpty();
            } catch (SocketTimeoutException e) {
                break;
            }
        }
        while (true) {
            try {
                DatagramPacket packet = new DatagramPacket(new byte[256], 256);
                udp.receive(packet);
                came |= new String(packet.getData(), 0, packet.getLength(), StandardCharsets.UTF_8).contains(word)
                        && !word.isEmpty();
            } catch (SocketTimeoutException e) {
                return came;
            }
        }
    }

    /** What has come by then; the word may stand within a request. */
    private static String said(Socket connection) throws IOException {
        connection.setSoTimeout(200);
        byte[] all = new byte[MOST_SAID];
        int length = 0;
        try {
            for (int more = 0; more >= 0 && length < all.length; ) {
                length += more;
                more = connection.getInputStream().read(all, length, all.length - length);
            }
        } catch (SocketTimeoutException _) {
            // That was all.
        }
        return new String(all, 0, length, StandardCharsets.UTF_8);
    }

    /**
     * Whether a process stays; ends it then. Absent is only what is not seen several times in a row: while a process goes
     * from one program to the next, it has neither arguments nor environment. And what has been killed is listed for a moment.
     */
    private boolean isLeft() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        int absent = 0;
        while (absent < LOOKS) {
            long left = leftProcess();
            absent = left == 0 ? absent + 1 : 0;
            if (left != 0 && System.nanoTime() > deadline) {
                endLeft();
                return true;
            }
            Thread.sleep(10);
        }
        return false;
    }

    private void endLeft() throws IOException, InterruptedException {
        for (long left = leftProcess(); left != 0; left = leftProcess()) {
            ProcessHandle.of(left).ifPresent(ProcessHandle::destroyForcibly);
            Thread.sleep(10);
        }
    }

    /** The pid, as the host numbers it, of a living process like that; 0 if there is none. */
    private static long processWhere(LongPredicate wanted) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                if (wanted.test(pid) && "ZX".indexOf(state(pid)) < 0) {
                    return pid;
                }
            }
        }
        return 0;
    }

    /** A file of a process in /proc; empty if it ended while we looked, or is none of ours. */
    private static String read(long pid, String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), file), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    /** By its environment too: between a fork and an exec a process has its parent's arguments. */
    private long leftProcess() throws IOException {
        return processWhere(pid ->
                read(pid, "cmdline").contains(word) || read(pid, "environ").contains(word));
    }

    /** Whether a process is there, and neither stopped nor dead. */
    private static boolean isWell(long pid) {
        return "ZXTt".indexOf(state(pid)) < 0;
    }

    /** The letter of proc(5); X if it is gone. */
    private static char state(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"), StandardCharsets.ISO_8859_1);
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            return 'X';
        }
    }

    /** Names, kinds, permissions and contents of all in the victim's directories. */
    private SortedMap<Path, String> snapshot() throws IOException {
        SortedMap<Path, String> all = new TreeMap<>();
        for (Path root : List.of(pair.victim().home(), pair.victim().work())) {
            Files.walkFileTree(root, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                    all.put(directory, look(directory, attributes));
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    all.put(file, look(file, attributes));
                    return FileVisitResult.CONTINUE;
                }
            });
        }
        return all;
    }

    private static String look(Path path, BasicFileAttributes attributes) {
        try {
            String mode = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) + " "
                    + Files.getAttribute(path, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
            // A directory counts its subdirectories, which are listed anyway.
            return attributes.isRegularFile()
                    ? mode + " " + Files.readString(path, StandardCharsets.ISO_8859_1)
                    : attributes.isDirectory() ? "" : mode;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void end() {
        if (victim == null) {
            return;
        }
        try {
            victim.close();
            for (Tenant tenant : List.of(pair.victim(), pair.attacker())) {
                tenant.run(List.of("python3", "-c", VICTIM, "tidy"), Map.of("BAIT", name));
            }
        } catch (Exception e) {
            throw new IllegalStateException("the victim's process could not be ended", e);
        }
    }

    @Override
    public void close() {
        try (tcp;
                udp) {
            end();
            Files.deleteIfExists(state());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
