package dev.cloister.core.egress;

import dev.cloister.core.egress.Gate.Answer;
import dev.cloister.core.reach.Destination;
import dev.cloister.core.reach.EgressRequest;
import dev.cloister.core.socket.OwnedSocket;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Plain HTTP with the whole URL in the request line, sent on to the address that was checked. */
final class PlainRequests extends ProxyHandler {
    private static final String ACCOUNT = PlainRequests.class.getName() + ".account";
    private static final String GO = PlainRequests.class.getName() + ".go";

    private final Gate gate;
    private final EgressBooks books;
    private final Duration connectTimeout;
    private final Duration idle;

    PlainRequests(Gate gate, EgressBooks books, Duration connectTimeout, Duration idle) {
        this.gate = gate;
        this.books = books;
        this.connectTimeout = connectTimeout;
        this.idle = idle;
    }

    @Override
    protected void configureHttpClient(HttpClient client) {
        super.configureHttpClient(client);
        client.setConnectTimeout(connectTimeout.toMillis());
        client.setIdleTimeout(idle.toMillis());
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
                request.setAttribute(ACCOUNT, account);
                request.setAttribute(GO, go);
                return super.handle(
                        request, response, Callback.from(callback, () -> count(account, request, response)));
            }
        }
        return true;
    }

    private void count(Account account, Request request, Response response) {
        long in = Response.getContentBytesWritten(response);
        long out = Math.max(0, Request.getContentBytesRead(request));
        books.metrics().egressBytes(in, out);
        account.moved(in, out);
    }

    /** By the address: the name may mean something else by now. */
    @Override
    protected HttpURI rewriteHttpURI(Request request) {
        Answer.Go go = (Answer.Go) request.getAttribute(GO);
        String address = new Destination.Address(go.address().getAddress()).text();
        return HttpURI.build(request.getHttpURI())
                .authority(address, go.address().getPort());
    }

    /** By connections that no other tenant's requests go by. */
    @Override
    protected org.eclipse.jetty.client.Request newProxyToServerRequest(Request request, HttpURI to) {
        return super.newProxyToServerRequest(request, to).tag(request.getAttribute(ACCOUNT));
    }

    /** The host of the URL, whatever the header said. */
    @Override
    protected void copyRequestHeaders(Request request, org.eclipse.jetty.client.Request onward) {
        super.copyRequestHeaders(request, onward);
        EgressRequest asked = ((Answer.Go) request.getAttribute(GO)).request();
        onward.headers(headers ->
                headers.put(HttpHeader.HOST, asked.port() == 80 ? asked.host().text() : asked.target()));
    }

    /** What the server is called and where it stands is nobody's business. */
    @Override
    protected void addProxyHeaders(Request request, org.eclipse.jetty.client.Request onward) {}

    @Override
    protected void onServerToProxyResponseFailure(
            Request request,
            org.eclipse.jetty.client.Request onward,
            org.eclipse.jetty.client.Response answer,
            Response response,
            Callback callback,
            Throwable failure) {
        books.metrics().egressRequest("failed");
        if (response.isCommitted()) {
            callback.failed(failure);
            return;
        }
        String target = ((Answer.Go) request.getAttribute(GO)).request().target();
        response.reset();
        Replies.stop(response, callback, Replies.unreachable(target, failure));
    }
}
