package dev.cloister.core.socket;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.thread.VirtualThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server on virtual threads that listens on {@linkplain OwnedSocket sockets of somebody} and nowhere else. Closing it
 * ends what is open. Thread-safe.
 */
public final class SocketServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    private final String name;
    private final Server server;
    private final Set<Channel> channels = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * Starts it.
     *
     * @param name for threads and messages
     * @param errors answers what is no HTTP, and what a handler failed at
     */
    public SocketServer(String name, Handler handler, Request.Handler errors) {
        this.name = name;
        VirtualThreadPool threads = new VirtualThreadPool();
        threads.setName(name);
        // Every socket has a selector that never ends, so a bound on tasks would be a bound on sockets.
        threads.setMaxConcurrentTasks(0);
        server = new Server(threads);
        server.setHandler(handler);
        server.setErrorHandler(errors);
        try {
            server.start();
        } catch (Exception e) {
            throw new CloisterException(ErrorCode.INTERNAL, "the " + name + " did not start; see the log", e);
        }
    }

    /** An open socket and what has to be done around its end. Closing is idempotent. */
    public final class Channel implements AutoCloseable {
        private final OwnedSocket socket;
        private final Runnable before;
        private final Runnable after;
        private final AtomicBoolean ended = new AtomicBoolean();

        private Channel(OwnedSocket socket, Runnable before, Runnable after) {
            this.socket = socket;
            this.before = before;
            this.after = after;
        }

        @Override
        public void close() {
            if (ended.compareAndSet(false, true)) {
                before.run();
                socket.end();
                channels.remove(this);
                after.run();
            }
        }
    }

    /**
     * Binds a socket, see {@link OwnedSocket#open}.
     *
     * @param before what ends first when it is closed
     * @param after what is done when nothing more comes by it, also if it could not be opened
     * @throws CloisterException INTERNAL if it cannot be bound, NOT_READY if the server is stopping
     */
    public Channel open(Path path, Object owner, Duration idle, int mostConnections, Runnable before, Runnable after) {
        OwnedSocket socket;
        try {
            socket = OwnedSocket.open(server, path, owner, idle, mostConnections);
        } catch (RuntimeException e) {
            after.run();
            throw e;
        }
        Channel channel = new Channel(socket, before, after);
        channels.add(channel);
        if (closed.get()) {
            channel.close();
            throw new CloisterException(ErrorCode.NOT_READY, "the server is stopping");
        }
        return channel;
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        channels.forEach(Channel::close);
        try {
            server.stop();
        } catch (Exception e) {
            LOG.warn("the {} did not stop cleanly", name, e);
        }
    }
}
