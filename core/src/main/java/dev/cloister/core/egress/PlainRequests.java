package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import dev.cloister.core.reach.EgressRequest;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.socket.OwnedSocket;
import dev.cloister.core.socket.SilentProxy;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Promise;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Plain HTTP with the whole URL in the request line, sent on to the address that was checked. */
final class PlainRequests extends SilentProxy {
    private static final String ACCOUNT = PlainRequests.class.getName() + ".account";
    private static final String GO = PlainRequests.class.getName() + ".go";
    private static final String AUTHORIZATION = PlainRequests.class.getName() + ".authorization";
    private static final Logger LOG = LoggerFactory.getLogger(PlainRequests.class);

    /** Connections are kept for each: no other tenant's requests go by them, nor to an address that was not checked. */
    private record Way(Account account, InetSocketAddress address) {}

    private final Gate gate;
    private final EgressBooks books;
    private final Duration connectTimeout;

    PlainRequests(Gate gate, EgressBooks books, Duration connectTimeout, Duration idle) {
        super(idle);
        this.gate = gate;
        this.books = books;
        this.connectTimeout = connectTimeout;
    }

    @Override
    protected void configureHttpClient(HttpClient client) {
        super.configureHttpClient(client);
        client.setConnectTimeout(connectTimeout.toMillis());
        client.setSocketAddressResolver((host, port, context, promise) -> checked(context, promise));
    }

    /** Never the name again: it may mean something else by now. TLS and the host's own headers go by the name. */
    private static void checked(Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
        if (context.get(Destination.CONTEXT_KEY) instanceof Destination destination
                && destination.getOrigin().getTag() instanceof Way way) {
            promise.succeeded(List.of(way.address()));
        } else {
            promise.failed(new IllegalStateException("a connection to no address that was checked"));
        }
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Optional<Account> owner = OwnedSocket.owner(request, Account.class);
        HttpURI uri = request.getHttpURI();
        if (owner.isEmpty() || !"http".equals(uri.getScheme()) || uri.getHost() == null || uri.getUser() != null) {
            Replies.stop(
                    response,
                    callback,
                    new Answer.Stop(400, "this is a proxy: ask it for http://HOST/PATH, or for a tunnel with CONNECT"));
            return true;
        }
        Account account = owner.get();
        EgressRequest.Http http = new EgressRequest.Http(
                request.getMethod(),
                Optional.ofNullable(uri.getPath())
                        .filter(path -> !path.isEmpty())
                        .orElse("/"));
        String authority = uri.getHost() + ":" + (uri.getPort() > 0 ? uri.getPort() : 80);
        switch (gate.ask(account, authority, Optional.of(http))) {
            case Answer.Stop stop -> Replies.stop(response, callback, stop);
            case Answer.Go go -> {
                Optional<Answer.Stop> refusal = go.credential().flatMap(credential -> authorize(request, credential));
                if (refusal.isPresent()) {
                    Replies.stop(response, callback, refusal.get());
                    return true;
                }
                request.setAttribute(ACCOUNT, account);
                request.setAttribute(GO, go);
                return super.handle(
                        request, response, Callback.from(callback, () -> count(account, request, response)));
            }
        }
        return true;
    }

    private static Optional<Answer.Stop> authorize(Request request, HostCredential credential) {
        if (HttpMethod.TRACE.is(request.getMethod())) {
            // Its answer is the request as the host got it.
            return Optional.of(new Answer.Stop(403, "TRACE would show what is kept for " + credential.place()));
        }
        try {
            request.setAttribute(AUTHORIZATION, Secrets.authorization(credential));
            return Optional.empty();
        } catch (IOException e) {
            LOG.error(
                    "the credential for {} cannot be used: {}",
                    credential.host().text(),
                    e.toString());
            return Optional.of(new Answer.Stop(
                    502, "what is kept for " + credential.place() + " cannot be used; the server's log says why"));
        }
    }

    private void count(Account account, Request request, Response response) {
        long in = Response.getContentBytesWritten(response);
        long out = Math.max(0, Request.getContentBytesRead(request));
        books.metrics().egressBytes(in, out);
        account.moved(in, out);
    }

    @Override
    protected HttpURI rewriteHttpURI(Request request) {
        Answer.Go go = go(request);
        return HttpURI.build(request.getHttpURI())
                .scheme(isSecure(go) ? "https" : "http")
                .authority(go.request().host().text(), go.address().getPort());
    }

    private static Answer.Go go(Request request) {
        return (Answer.Go) Objects.requireNonNull(request.getAttribute(GO));
    }

    private static boolean isSecure(Answer.Go go) {
        return go.credential().filter(HostCredential::secure).isPresent();
    }

    @Override
    protected org.eclipse.jetty.client.Request newProxyToServerRequest(Request request, HttpURI to) {
        Account account = (Account) Objects.requireNonNull(request.getAttribute(ACCOUNT));
        return super.newProxyToServerRequest(request, to)
                .tag(new Way(account, go(request).address()));
    }

    /** The host of the URL, whatever the header said; and what the operator keeps for it. */
    @Override
    protected void copyRequestHeaders(Request request, org.eclipse.jetty.client.Request onward) {
        super.copyRequestHeaders(request, onward);
        Answer.Go go = go(request);
        String host = go.request().host().text();
        int port = go.address().getPort();
        boolean standard = port == (isSecure(go) ? 443 : 80);
        onward.headers(headers -> {
            headers.put(HttpHeader.HOST, standard ? host : host + ":" + port);
            if (request.getAttribute(AUTHORIZATION) instanceof String value) {
                headers.put(HttpHeader.AUTHORIZATION, value);
            }
        });
    }

    @Override
    protected void onServerToProxyResponseFailure(
            Request request,
            org.eclipse.jetty.client.Request onward,
            org.eclipse.jetty.client.Response answer,
            Response response,
            Callback callback,
            Throwable failure) {
        books.metrics().egressRequest("failed");
        super.onServerToProxyResponseFailure(request, onward, answer, response, callback, failure);
    }

    @Override
    protected void unanswered(Request request, Response response, Callback callback, Throwable failure) {
        Replies.stop(
                response, callback, Replies.unreachable(go(request).request().target(), failure));
    }
}
