package dev.cloister.isolation.local.guest;

import dev.cloister.isolation.local.launch.Share;
import dev.cloister.spi.SharedDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A share with a tenant that has another kernel: a directory on both sides. Sockets stand in the server's, and what connects to
 * them inside comes over the guest's stream. Not thread-safe.
 */
public final class GuestShare implements SharedDirectory {
    private static final Logger log = LoggerFactory.getLogger(GuestShare.class);

    private final GuestMachine machine;
    private final Share outer;
    private final List<AutoCloseable> sockets = new ArrayList<>();

    private GuestShare(GuestMachine machine, Share outer) {
        this.machine = machine;
        this.outer = outer;
    }

    /** @param outer taken over; its inner path is where the tenant finds this one */
    public static GuestShare of(GuestMachine machine, Share outer) throws IOException {
        machine.makeDirectory(outer.inner());
        return new GuestShare(machine, outer);
    }

    @Override
    public Path host() {
        return outer.host();
    }

    @Override
    public String inner() {
        return outer.inner();
    }

    @Override
    public String publish(String name, byte[] content) {
        String path = inner() + "/" + name;
        try {
            machine.makeFile(path, content);
            return path;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void admit(Path socket) {
        outer.admit(socket);
        try {
            sockets.add(machine.makeSocket(inner() + "/" + socket.getFileName(), socket));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        outer.close();
        try {
            for (AutoCloseable socket : sockets) {
                socket.close();
            }
            machine.remove(inner());
        } catch (Exception e) {
            // With a machine that is gone everything in it is.
            log.debug("a share in a virtual machine was not removed: {}", e.toString());
        }
    }
}
