package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.cgroup.ControlFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;

/**
 * What can be asked of a guest that is the first process of a virtual machine, besides launching. It has no place of its own on
 * the host, so what tenants are to find there goes over the same stream. Thread-safe.
 */
public final class GuestMachine implements ControlFiles {
    /** Where its control group for all that is the tenant's is. */
    public static final Path CGROUP = Path.of("/sys/fs/cgroup/tenant");

    private static final int ENTROPY = 64;
    private static final int MOST = 4 << 20;
    private static final long NO_SUCH_FILE = 2;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final GuestChannel channel;
    private final Duration patience;

    GuestMachine(GuestChannel channel, Duration patience) {
        this.channel = channel;
        this.patience = patience;
    }

    /**
     * Whose machine it is from now on.
     *
     * @param uid also the gid
     * @param tmp bytes that fit into {@code /tmp}
     * @param passwd what programs find in {@code /etc/passwd}; {@code group} likewise
     */
    public record Tenant(long uid, long tmp, String passwd, String group) {}

    /**
     * Mounts the tenant's disk, unless it is, and gives the machine the time and randomness of its own: it may have been stopped
     * long ago, and started more than once.
     */
    public void become(Tenant tenant) throws IOException {
        byte[] entropy = new byte[ENTROPY];
        RANDOM.nextBytes(entropy);
        Instant now = Instant.now();
        ByteArrayOutputStream payload = new ByteArrayOutputStream();
        payload.writeBytes(ByteBuffer.allocate(Long.BYTES)
                .putLong(now.getEpochSecond() * 1_000_000_000 + now.getNano())
                .array());
        payload.writeBytes(entropy);
        payload.writeBytes(
                text(tenant.uid() + "\0" + tenant.tmp() + "\0" + tenant.passwd() + "\0" + tenant.group() + "\0"));
        ask(Frame.BECOME, payload.toByteArray());
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private byte[] ask(char kind, byte[] payload) throws IOException {
        if (payload.length > MOST) {
            throw new IOException("more than " + MOST + " bytes for a virtual machine at once");
        }
        Conversation conversation = channel.begin(kind, payload);
        try {
            return Guest.within(patience, conversation.stands());
        } finally {
            channel.settled(conversation.id());
        }
    }

    private void place(char what, String path, byte[] content) throws IOException {
        ask(Frame.PLACE, placed(what, path, content));
    }

    private static byte[] placed(char what, String path, byte[] content) {
        byte[] name = text(what + path + "\0");
        return ByteBuffer.allocate(name.length + content.length)
                .put(name)
                .put(content)
                .array();
    }

    /** Makes a directory that the tenant can enter, and neither list nor change. */
    void makeDirectory(String path) throws IOException {
        place('d', path, new byte[0]);
    }

    /** Makes a file that the tenant can read. */
    void makeFile(String path, byte[] content) throws IOException {
        place('f', path, content);
    }

    void remove(String path) throws IOException {
        place('x', path, new byte[0]);
    }

    /**
     * Makes a socket that the tenant can connect to, and that leads to one of the host's.
     *
     * @return ends it, but not what is connected
     */
    AutoCloseable makeSocket(String path, Path target) throws IOException {
        Conversation listener = channel.listen(
                placed('s', path, new byte[0]),
                conversation -> Thread.ofVirtual().name("guest-call").start(() -> connect(conversation, target)));
        try {
            Guest.within(patience, listener.stands());
            return () -> channel.unlisten(listener);
        } catch (IOException e) {
            channel.unlisten(listener);
            throw e;
        }
    }

    private static void connect(Conversation conversation, Path target) {
        try {
            Bridge.join(conversation, SocketChannel.open(UnixDomainSocketAddress.of(target)));
        } catch (IOException e) {
            conversation.kill();
        }
    }

    @Override
    public String read(Path file) throws IOException {
        try {
            return new String(ask(Frame.READ, text(file.toString())), StandardCharsets.UTF_8);
        } catch (GuestRefusal e) {
            if (e.error() == NO_SUCH_FILE) {
                throw new NoSuchFileException(file.toString());
            }
            throw e;
        }
    }

    @Override
    public void write(Path file, String value) throws IOException {
        place('w', file.toString(), text(value));
    }

    /** Ends everything that runs there, and begins anew: what was shared is gone. */
    public void anew() throws IOException {
        channel.anew(patience);
    }

    /** Returns when what was written to the disk so far outlives the machine. */
    public void settle() throws IOException {
        ask(Frame.SETTLE, new byte[0]);
    }

    /** Ends everything that runs there and puts the disk down. Nothing can be launched after it; the power may go. */
    public void leave() throws IOException {
        ask(Frame.LEAVE, new byte[0]);
    }
}
