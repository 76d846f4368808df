package dev.cloister.core.broker;

import dev.cloister.core.upstream.Upstream;
import dev.cloister.core.upstream.UpstreamRequest;
import dev.cloister.core.upstream.UpstreamResponse;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

/** An upstream in this process that answers as it is told and remembers what arrived. Thread-safe. */
final class FakeUpstream implements Upstream {
    private final List<UpstreamRequest> requests = new CopyOnWriteArrayList<>();
    private volatile Supplier<UpstreamResponse> next = () -> answer(200, Map.of(), "{}");

    /** Counted down by a call that hangs until it is interrupted. */
    final CountDownLatch hanging = new CountDownLatch(1);

    private volatile boolean hang;

    void answers(int status, Map<String, String> headers, String body) {
        next = () -> answer(status, headers, body);
    }

    void answers(InputStream body, String contentType) {
        next = () -> new UpstreamResponse(200, Map.of("content-type", contentType), body);
    }

    void hangs() {
        hang = true;
    }

    List<UpstreamRequest> requests() {
        return requests;
    }

    private static UpstreamResponse answer(int status, Map<String, String> headers, String body) {
        return new UpstreamResponse(status, headers, new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8)));
    }

    @Override
    public String description() {
        return "fake";
    }

    @Override
    public UpstreamResponse send(UpstreamRequest request) throws InterruptedException {
        requests.add(request);
        if (hang) {
            hanging.countDown();
            new CountDownLatch(1).await();
        }
        return next.get();
    }

    @Override
    public void close() {}

    /** A body whose pieces the test hands over one by one; an empty piece ends it. */
    static final class Fed extends InputStream {
        final BlockingQueue<String> pieces = new LinkedBlockingQueue<>();
        final CountDownLatch closed = new CountDownLatch(1);

        @Override
        public int read() {
            throw new UnsupportedOperationException("the broker reads in blocks");
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            try {
                byte[] piece = pieces.take().getBytes(StandardCharsets.UTF_8);
                if (closed.getCount() == 0) {
                    throw new IOException("closed");
                }
                System.arraycopy(piece, 0, target, offset, piece.length);
                return piece.length == 0 ? -1 : piece.length;
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }

        @Override
        public void close() {
            closed.countDown();
            pieces.add("closed");
        }
    }
}
