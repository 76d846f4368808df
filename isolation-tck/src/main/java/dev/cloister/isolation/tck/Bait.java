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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
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
    private @Nullable Watch watch;
    private Tree tree;
    private SortedMap<String, String> before = new TreeMap<>();
    private String word = "";
    /** What the last attack changed in the victim's tree. */
    private SortedSet<String> changed = new TreeSet<>();

    private Map<String, String> kept = Map.of();

    private Bait(Pair pair, Path scratch) throws IOException {
        this.pair = pair;
        this.scratch = scratch;
        this.tree = Tree.onHost(pair.victim());
        this.tcp = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        this.udp = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        udp.setSoTimeout(1);
        tcp.setSoTimeout(1);
    }

    /**
     * @param scratch an existing directory that nobody but the server's user may enter
     * @throws IOException if the victim did not start, or where another kernel runs it and what would be harm is not seen
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
            bait.proveEyes();
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
        Optional<Watch> onHost = Watch.onHost("arg-" + token);
        watch = onHost.isPresent() ? onHost.get() : Watch.inside(pair.victim(), "bait-" + name);
        tree = Tree.of(pair.victim(), token);
    }

    /**
     * Where another kernel runs the tenants, the control proves nothing of what is seen of it. So the tenants themselves do
     * what attacks try.
     */
    private void proveEyes() throws IOException, InterruptedException {
        if (!isElsewhere()) {
            return;
        }
        before = tree.look();
        pair.victim().run(List.of("/bin/sh", "-c", "echo x >\"$HOME/proof\"; echo x >proof"), Map.of());
        mustSee(difference(before, tree.look()).size() == 2, "a change in the victim's tree");
        pair.victim().run(List.of("/bin/sh", "-c", "kill -STOP " + watch().pid()), Map.of());
        mustSee(!watch().isWell(), "that a process of the victim's was stopped");
        word = "word-" + hex(8);
        try (AutoCloseable _ =
                pair.attacker().start(List.of("/bin/sh", "-c", "echo READY; sleep 60; : " + word), Map.of(), "READY")) {
            mustSee(runsElsewhere(), "a process of the attacker's");
        } catch (IOException | InterruptedException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException("a process of the attacker's could not be ended", e);
        }
        // All is put right before the first attack.
        changed.add("proof");
    }

    private static void mustSee(boolean seen, String what) throws IOException {
        if (!seen) {
            throw new IOException(
                    "another kernel runs the tenants, and " + what + " was not seen: attacks would prove nothing");
        }
    }

    private Watch watch() {
        return Objects.requireNonNull(watch, "the victim does not live");
    }

    /** Whether the host shows nothing of the tenants' processes. */
    private boolean isElsewhere() {
        return watch().isInside();
    }

    Pair pair() {
        return pair;
    }

    /** What attacks are told. None of it is secret. */
    public Map<String, String> variables() {
        Map<String, String> all = new TreeMap<>();
        all.putAll(pair.told());
        all.putAll(kept);
        all.put("V_HOME", tree.home());
        all.put("V_WORK", tree.work());
        all.put("V_TENANT", pair.victim().name());
        all.put("V_PID", Long.toString(watch().pid()));
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
        if (!changed.isEmpty() || !watch().isWell()) {
            end();
            live();
        }
        for (int tries = 0; isElsewhere() && !watch().isApartFrom(pair.attacker()); tries++) {
            if (tries == LOOKS) {
                throw new IOException("the victim's process has no number that no process of the attacker's has");
            }
            end();
            live();
        }
        drain();
        word = "word-" + hex(8);
        changed = new TreeSet<>();
        before = tree.look();
    }

    /** Whether the attack that had these variables got through. */
    boolean shows(Sign sign, String output) throws IOException, InterruptedException {
        return switch (sign) {
            case SECRET_SHOWN -> output.contains(token);
            case TREE_CHANGED -> {
                changed = difference(before, tree.look());
                yield !changed.isEmpty();
            }
            case PROCESS_HARMED -> !watch().isWell();
            case WORD_RECEIVED -> drain() || pair.ears().test(word);
            case PROCESS_LEFT -> isLeft();
            case GAINED -> output.lines().anyMatch("GAINED"::equals);
        };
    }

    private static SortedSet<String> difference(Map<String, String> before, Map<String, String> after) {
        SortedSet<String> all = new TreeSet<>(before.keySet());
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
            boolean there = isThere();
            absent = there ? 0 : absent + 1;
            if (there && System.nanoTime() > deadline) {
                endLeft();
                return true;
            }
            Thread.sleep(10);
        }
        return false;
    }

    /** What another kernel still runs ends with its sandbox. */
    private void endLeft() throws IOException, InterruptedException {
        for (long left = leftProcess(); left != 0; left = leftProcess()) {
            ProcessHandle.of(left).ifPresent(ProcessHandle::destroyForcibly);
            Thread.sleep(10);
        }
    }

    private boolean isThere() throws IOException, InterruptedException {
        return leftProcess() != 0 || (isElsewhere() && runsElsewhere());
    }

    private boolean runsElsewhere() throws IOException, InterruptedException {
        return pair.attacker().commands().stream().anyMatch(line -> line.contains(word));
    }

    /** By its environment too: between a fork and an exec a process has its parent's arguments. */
    private long leftProcess() throws IOException {
        return HostProcesses.where(pid -> HostProcesses.read(pid, "cmdline").contains(word)
                || HostProcesses.read(pid, "environ").contains(word));
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
