package dev.cloister.core.socket;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A unix socket of an HTTP server with somebody to whom it belongs: whoever can reach it is taken for its owner, so the wall is
 * the directory in which it stands. Thread-safe; {@link #end} is idempotent.
 */
public final class OwnedSocket extends UnixDomainServerConnector {
    private static final Logger LOG = LoggerFactory.getLogger(OwnedSocket.class);

    /** {@code sun_path} has 108 bytes, see unix(7); Java keeps two of them for itself. */
    private static final int LONGEST_PATH = 106;

    private static final int HEADER_BYTES = 32 * 1024;

    private final Object owner;
    private boolean bound;

    private OwnedSocket(Server server, Path path, Object owner, Duration idle, int mostConnections) {
        super(server, 0, 1, new HttpConnectionFactory(configuration()));
        this.owner = owner;
        setUnixDomainPath(path);
        setIdleTimeout(idle.toMillis());
        setAcceptQueueSize(mostConnections);
        addBean(new NetworkConnectionLimit(mostConnections, this));
    }

    private static HttpConfiguration configuration() {
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.setSendServerVersion(false);
        configuration.setRequestHeaderSize(HEADER_BYTES);
        configuration.setHttpCompliance(HttpCompliance.RFC9110);
        // Every path gets to the handler as it was sent: it is compared and never interpreted, so what another server
        // would
        // have to reject as ambiguous is refused, counted and reported in one place.
        configuration.setUriCompliance(UriCompliance.UNSAFE);
        return configuration;
    }

    /**
     * Binds the socket, whose directory must exist and be closed to everybody but the server and the tenant.
     *
     * @param idle ends an upload that stalls and a connection that is no longer used
     * @throws CloisterException INTERNAL if the path is longer than the 106 bytes that Java allows a unix socket's path, is
     *     there already, or cannot be bound
     */
    static OwnedSocket open(Server server, Path path, Object owner, Duration idle, int mostConnections) {
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > LONGEST_PATH) {
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the socket's path has %d bytes, but a unix socket's may have %d: use a shorter data directory"
                            .formatted(length, LONGEST_PATH));
        }
        // The connector removes the file of that name even if it could not bind it, so it must not meet another's.
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new CloisterException(
                    ErrorCode.INTERNAL, "the socket exists already; close what it belongs to or remove the file first");
        }
        OwnedSocket socket = new OwnedSocket(server, path, owner, idle, mostConnections);
        try {
            server.addConnector(socket);
            socket.start();
            socket.bound = true;
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw----"));
            return socket;
        } catch (Exception e) {
            socket.end();
            throw new CloisterException(
                    ErrorCode.INTERNAL,
                    "the socket could not be bound; its directory must exist and be the server's",
                    e);
        }
    }

    /** Whose socket the request came in by. */
    public static <T> Optional<T> owner(Request request, Class<T> kind) {
        return request.getConnectionMetaData().getConnector() instanceof OwnedSocket socket
                        && kind.isInstance(socket.owner)
                ? Optional.of(kind.cast(socket.owner))
                : Optional.empty();
    }

    /** Ends the connections and removes the socket. */
    synchronized void end() {
        try {
            stop();
        } catch (Exception e) {
            LOG.warn("a socket did not close cleanly", e);
        }
        getServer().removeConnector(this);
        if (bound) {
            bound = false;
            try {
                Files.deleteIfExists(getUnixDomainPath());
            } catch (IOException e) {
                LOG.warn("a socket could not be removed", e);
            }
        }
    }
}
