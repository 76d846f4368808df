package dev.cloister.server.api;

import dev.cloister.server.net.ClientConnection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpParser;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.FutureCallback;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A WebSocket's bytes, both ways, once the server in the sandbox has agreed to it. Ends when either side does. */
final class PortTunnel extends AbstractConnection implements Connection.UpgradeTo {
    private static final Logger LOG = LoggerFactory.getLogger(PortTunnel.class);
    private static final int BUFFER_BYTES = 16 * 1024;
    private static final int MOST_HEAD = 32 * 1024;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Far far;
    private final ByteBuffer begun;
    private final AtomicBoolean over = new AtomicBoolean();

    private PortTunnel(EndPoint near, Executor executor, Far far, ByteBuffer begun) {
        super(near, executor);
        this.far = far;
        this.begun = begun;
    }

    /**
     * The end in the sandbox.
     *
     * @param address path and query
     * @param whenOver runs once, however it ends
     */
    record Far(SocketChannel channel, int port, String address, Runnable whenOver) {
        void close() {
            try {
                channel.close();
            } catch (IOException e) {
                LOG.debug("a connection into a sandbox did not close cleanly", e);
            } finally {
                whenOver.run();
            }
        }

        void write(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }
    }

    /**
     * Asks the server in the sandbox, and takes the client's connection over if it agrees; if not, its answer's status is
     * passed on. Takes over the channel.
     *
     * @throws IOException if it does not answer, or not in HTTP
     */
    static void open(Request request, Response response, Callback callback, Far far) throws IOException {
        Head head = new Head();
        ByteBuffer rest;
        Thread reader = Thread.currentThread();
        // Interrupting closes the channel, and so ends a read.
        Scheduler.Task impatience = request.getComponents()
                .getScheduler()
                .schedule(reader::interrupt, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        try {
            far.write(ByteBuffer.wrap(question(request, far).getBytes(StandardCharsets.ISO_8859_1)));
            rest = answer(far.channel(), head);
        } catch (IOException | RuntimeException e) {
            far.close();
            throw e;
        } finally {
            if (!impatience.cancel()) {
                boolean ignored = Thread.interrupted();
            }
        }
        response.setStatus(head.status);
        if (head.status != HttpStatus.SWITCHING_PROTOCOLS_101) {
            far.close();
            callback.succeeded();
            return;
        }
        head.fields.forEach(field -> response.getHeaders().add(field));
        EndPoint near = request.getConnectionMetaData().getConnection().getEndPoint();
        request.setAttribute(
                HttpStream.UPGRADE_CONNECTION_ATTRIBUTE,
                new PortTunnel(near, request.getComponents().getExecutor(), far, rest));
        response.write(true, BufferUtil.EMPTY_BUFFER, Callback.from(callback::succeeded, failure -> {
            // Then nobody takes the tunnel up.
            far.close();
            callback.failed(failure);
        }));
    }

    private static String question(Request request, Far far) {
        StringBuilder text = new StringBuilder("GET " + far.address() + " HTTP/1.1\r\nHost: localhost:" + far.port()
                + "\r\nConnection: Upgrade\r\nX-Forwarded-Prefix: /v1/ports/" + far.port() + "\r\n");
        Set<String> left = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        left.addAll(PortsApi.FOR_THE_SERVER);
        left.addAll(Set.of("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "content-length"));
        for (HttpField field : request.getHeaders()) {
            if (!left.contains(field.getName())) {
                text.append(field.getName())
                        .append(": ")
                        .append(field.getValue())
                        .append("\r\n");
            }
        }
        return text.append("\r\n").toString();
    }

    /** Reads the head; what came behind it is returned. */
    private static ByteBuffer answer(SocketChannel far, Head head) throws IOException {
        HttpParser parser = new HttpParser(head, MOST_HEAD);
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        while (!head.complete) {
            buffer.clear();
            if (far.read(buffer) < 0) {
                throw new IOException("the server in the sandbox ended the connection");
            }
            buffer.flip();
            parser.parseNext(buffer);
            if (head.bad) {
                throw new IOException("the server in the sandbox did not answer in HTTP");
            }
        }
        return buffer;
    }

    private static final class Head implements HttpParser.ResponseHandler {
        final HttpFields.Mutable fields = HttpFields.build();
        int status;
        boolean complete;
        boolean bad;

        @Override
        public void startResponse(HttpVersion version, int code, String reason) {
            status = code;
        }

        @Override
        public void parsedHeader(HttpField field) {
            if (field.getHeader() != HttpHeader.CONTENT_LENGTH && field.getHeader() != HttpHeader.TRANSFER_ENCODING) {
                fields.add(field);
            }
        }

        @Override
        public boolean headerComplete() {
            complete = true;
            return true;
        }

        @Override
        public boolean content(ByteBuffer item) {
            return true;
        }

        @Override
        public boolean contentComplete() {
            return true;
        }

        @Override
        public boolean messageComplete() {
            complete = true;
            return true;
        }

        @Override
        public void earlyEOF() {
            bad = true;
        }

        @Override
        public void badMessage(HttpException failure) {
            bad = true;
        }
    }

    @Override
    public void onUpgradeTo(ByteBuffer already) {
        try {
            far.write(already);
        } catch (IOException e) {
            close();
        }
    }

    @Override
    public void onOpen() {
        super.onOpen();
        if (getEndPoint() instanceof ClientConnection connection) {
            // It may be silent for as long as it is open, as an answer may.
            connection.requestReceived();
        }
        Thread.ofVirtual().name("port-tunnel").start(this::bringBack);
        fillInterested();
    }

    /** From the client. */
    @Override
    public void onFillable() {
        ByteBuffer buffer = BufferUtil.allocate(BUFFER_BYTES);
        try {
            int filled = getEndPoint().fill(buffer);
            while (filled > 0) {
                far.write(buffer);
                BufferUtil.clear(buffer);
                filled = getEndPoint().fill(buffer);
            }
            if (filled < 0) {
                close();
            } else {
                fillInterested();
            }
        } catch (IOException e) {
            close();
        }
    }

    /** From the sandbox. */
    private void bringBack() {
        try {
            send(begun);
            ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
            while (far.channel().read(buffer) >= 0) {
                send(buffer.flip());
                buffer.clear();
            }
        } catch (IOException | ExecutionException e) {
            // One of the two has ended.
            close();
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        close();
    }

    private void send(ByteBuffer bytes) throws ExecutionException, InterruptedException {
        FutureCallback written = new FutureCallback();
        getEndPoint().write(written, bytes);
        written.get();
    }

    @Override
    public void close() {
        if (over.compareAndSet(false, true)) {
            far.close();
        }
        super.close();
    }

    @Override
    public void onClose(@Nullable Throwable cause) {
        close();
        super.onClose(cause);
    }
}
