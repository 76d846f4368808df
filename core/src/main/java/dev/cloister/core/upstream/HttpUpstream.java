package dev.cloister.core.upstream;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * A Messages API behind a URL: Anthropic's own, or a gateway. Never follows a redirect, because the request carries a
 * credential that is meant for this host only. Thread-safe; {@link #close} ends the calls that still run.
 */
public final class HttpUpstream implements Upstream {
    private final URI base;
    private final Duration responseTimeout;
    private final HttpClient client;

    /**
     * @param base {@code http} or {@code https}; a path in it goes before every request's path. User information in it
     *     is left out: the credential comes with each request
     * @param connectTimeout until the connection stands
     * @param responseTimeout from sending the request to the answer's headers; the body may take any time
     */
    public HttpUpstream(URI base, Duration connectTimeout, Duration responseTimeout) {
        this.base = plain(base);
        this.responseTimeout = responseTimeout;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(connectTimeout)
                .build();
    }

    private static URI plain(URI base) {
        String scheme = base.getScheme();
        String host = base.getHost();
        if (host == null || !("http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme))) {
            throw new IllegalArgumentException(
                    "the upstream must be an absolute http or https URL with a host, such as https://api.anthropic.com");
        }
        String port = base.getPort() < 0 ? "" : ":" + base.getPort();
        String path = base.getRawPath() == null ? "" : base.getRawPath();
        while (path.endsWith("/")) {
            path = path.substring(0, path.length() - 1);
        }
        return URI.create(scheme + "://" + host + port + path);
    }

    @Override
    public String description() {
        return base.toString();
    }

    @Override
    public UpstreamResponse send(UpstreamRequest request) throws IOException, InterruptedException {
        // Not sendAsync: it completes on the JVM's common pool, where anybody's blocked task would hold up every
        // answer.
        HttpResponse<InputStream> response = client.send(build(request), HttpResponse.BodyHandlers.ofInputStream());
        return new UpstreamResponse(response.statusCode(), headers(response), response.body());
    }

    private HttpRequest build(UpstreamRequest request) throws IOException {
        String query = request.query().isEmpty() ? "" : "?" + request.query();
        try {
            HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + request.path() + query))
                    .timeout(responseTimeout)
                    .POST(HttpRequest.BodyPublishers.ofByteArray(request.body()));
            request.headers().forEach(builder::header);
            return builder.build();
        } catch (IllegalArgumentException e) {
            // The original's message quotes the header's value, which may be the credential: neither it nor the cause
            // may go on.
            throw unsendable();
        }
    }

    private static IOException unsendable() {
        return new IOException("the request cannot be sent: its query, a header or the credential holds a character "
                + "that HTTP does not allow");
    }

    private static Map<String, String> headers(HttpResponse<InputStream> response) {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        response.headers().map().forEach((name, values) -> headers.put(lower(name), String.join(", ", values)));
        return headers;
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
