package dev.cloister.core.socket;

import java.time.Duration;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Sends requests on and answers back, and says nothing of itself: what the server is called and where it stands is nobody's business. */
public abstract class SilentProxy extends ProxyHandler {
    private final Duration idle;

    /** @param idle how long the far side may be silent */
    protected SilentProxy(Duration idle) {
        this.idle = idle;
    }

    /** Answers in the place of a far side that gave no answer; nothing of one was sent yet. */
    protected abstract void unanswered(Request request, Response response, Callback callback, Throwable failure);

    @Override
    protected void configureHttpClient(HttpClient client) {
        super.configureHttpClient(client);
        client.setIdleTimeout(idle.toMillis());
        // Who asks has one of its own.
        client.setUserAgentField(null);
    }

    @Override
    protected final void addProxyHeaders(Request request, org.eclipse.jetty.client.Request onward) {}

    @Override
    protected void onServerToProxyResponseFailure(
            Request request,
            org.eclipse.jetty.client.Request onward,
            org.eclipse.jetty.client.Response answer,
            Response response,
            Callback callback,
            Throwable failure) {
        if (response.isCommitted()) {
            callback.failed(failure);
            return;
        }
        response.reset();
        unanswered(request, response, callback, failure);
    }
}
