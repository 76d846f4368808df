package dev.cloister.core.broker;

import java.nio.file.Path;
import java.time.Duration;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;

/** One session's socket in the broker's server: a request is known to be the session's by the connector it came in. */
final class SessionConnector extends UnixDomainServerConnector {
    private static final int MOST_CONNECTIONS = 64;
    private static final int HEADER_BYTES = 32 * 1024;

    private final OpenChannel channel;

    SessionConnector(Server server, Path socket, Duration idle, OpenChannel channel) {
        super(server, 0, 1, new HttpConnectionFactory(configuration()));
        this.channel = channel;
        setUnixDomainPath(socket);
        setIdleTimeout(idle.toMillis());
        addBean(new NetworkConnectionLimit(MOST_CONNECTIONS, this));
    }

    private static HttpConfiguration configuration() {
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.setSendServerVersion(false);
        configuration.setRequestHeaderSize(HEADER_BYTES);
        configuration.setHttpCompliance(HttpCompliance.RFC9110);
        // Every path gets to the handler as it was sent: it is compared with two constants and never interpreted, so
        // what another server would have to reject as ambiguous is refused, counted and reported in one place.
        configuration.setUriCompliance(UriCompliance.UNSAFE);
        return configuration;
    }

    OpenChannel channel() {
        return channel;
    }
}
