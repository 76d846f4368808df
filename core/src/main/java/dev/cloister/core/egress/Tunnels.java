package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import dev.cloister.core.socket.OwnedSocket;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentMap;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ConnectHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Promise;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** HTTP CONNECT: bytes in both directions, between the sandbox and the address that was checked. */
final class Tunnels extends ConnectHandler {
    private static final Logger LOG = LoggerFactory.getLogger(Tunnels.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final String ACCOUNT = Tunnels.class.getName() + ".account";
    private static final String ADDRESS = Tunnels.class.getName() + ".address";
    private static final String FAR = Tunnels.class.getName() + ".far";

    private final Gate gate;
    private final EgressBooks books;

    Tunnels(Gate gate, EgressBooks books, Handler others, Duration connectTimeout, Duration idle) {
        super(others);
        this.gate = gate;
        this.books = books;
        setConnectTimeout(connectTimeout.toMillis());
        setIdleTimeout(idle.toMillis());
        setBufferSize(BUFFER_BYTES);
    }

    @Override
    protected void handleConnect(Request request, Response response, Callback callback, String authority) {
        Optional<Account> account = OwnedSocket.owner(request, Account.class);
        if (account.isEmpty()) {
            Replies.stop(response, callback, new Answer.Stop(403, "nobody's socket"));
            return;
        }
        switch (gate.ask(account.get(), authority, Optional.empty())) {
            case Answer.Stop stop -> Replies.stop(response, callback, stop);
            case Answer.Go go -> {
                request.setAttribute(ACCOUNT, account.get());
                request.setAttribute(ADDRESS, go.address());
                super.handleConnect(request, response, callback, go.request().target());
            }
        }
    }

    /** Not by the name again: it may mean something else by now. */
    @Override
    protected void connectToServer(Request request, String host, int port, Promise<SocketChannel> promise) {
        SocketChannel channel = null;
        try {
            channel = SocketChannel.open();
            channel.socket().setTcpNoDelay(true);
            channel.configureBlocking(false);
            channel.connect((InetSocketAddress) request.getAttribute(ADDRESS));
            promise.succeeded(channel);
        } catch (IOException | RuntimeException e) {
            if (channel != null) {
                try {
                    channel.close();
                } catch (IOException unclosed) {
                    e.addSuppressed(unclosed);
                }
            }
            promise.failed(e);
        }
    }

    @Override
    protected void onConnectFailure(Request request, Response response, Callback callback, Throwable failure) {
        LOG.debug("a tunnel did not come about", failure);
        books.metrics().egressRequest("failed");
        Replies.stop(
                response, callback, Replies.unreachable(request.getHttpURI().getAuthority(), failure));
    }

    @Override
    protected UpstreamConnection newUpstreamConnection(EndPoint far, ConnectContext context) {
        Account account = (Account) Objects.requireNonNull(context.getRequest().getAttribute(ACCOUNT));
        context.getContext().put(ACCOUNT, account);
        context.getContext().put(FAR, far);
        account.keep(far);
        return super.newUpstreamConnection(far, context);
    }

    @Override
    protected int read(EndPoint from, ByteBuffer buffer, ConcurrentMap<String, Object> context) throws IOException {
        int count = super.read(from, buffer, context);
        if (count > 0) {
            boolean in = from == context.get(FAR);
            books.metrics().egressBytes(in ? count : 0, in ? 0 : count);
            Account account = (Account) Objects.requireNonNull(context.get(ACCOUNT));
            if (!account.moved(in ? count : 0, in ? 0 : count)) {
                throw new IOException("the tenant's bytes of the hour are used up");
            }
        }
        return count;
    }
}
