package dev.cloister.cli.attack;

import dev.cloister.core.upstream.ScriptedUpstream;
import dev.cloister.core.upstream.Upstream;
import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.core.upstream.UpstreamResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The scripted upstream, which remembers what came to it. Thread-safe. */
final class Overheard implements Upstream {
    private static final int MOST = 16 << 20;

    private final ScriptedUpstream scripted = new ScriptedUpstream();
    private final StringBuilder heard = new StringBuilder();

    @Override
    public String description() {
        return scripted.description();
    }

    @Override
    public UpstreamResponse send(UpstreamRequest request) throws IOException, InterruptedException {
        String all = request.path() + "?" + request.query() + "\n" + request.headers() + "\n"
                + new String(request.body(), StandardCharsets.UTF_8) + "\n";
        synchronized (heard) {
            if (heard.length() + all.length() > MOST) {
                heard.setLength(0);
            }
            heard.append(all);
        }
        return scripted.send(request);
    }

    void forget() {
        synchronized (heard) {
            heard.setLength(0);
        }
    }

    String heard() {
        synchronized (heard) {
            return heard.toString();
        }
    }

    @Override
    public void close() {
        scripted.close();
    }
}
