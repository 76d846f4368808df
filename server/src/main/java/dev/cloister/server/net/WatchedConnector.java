package dev.cloister.server.net;

import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** A connector whose connections are {@link WatchedEndPoint}s. */
public final class WatchedConnector extends ServerConnector {
    private final Duration requestTime;

    /** @param requestTime how long a request may take to arrive, from its first byte to its last */
    public WatchedConnector(Server server, HttpConfiguration configuration, Duration requestTime) {
        super(server, 1, -1, new HttpConnectionFactory(configuration));
        this.requestTime = requestTime;
    }

    @Override
    protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selectors, SelectionKey key) {
        WatchedEndPoint endPoint =
                new WatchedEndPoint(channel, selectors, key, getScheduler(), getExecutor(), requestTime);
        endPoint.setIdleTimeout(getIdleTimeout());
        return endPoint;
    }
}
