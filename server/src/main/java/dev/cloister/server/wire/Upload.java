package dev.cloister.server.wire;

import dev.cloister.server.net.ClientConnection;
import dev.cloister.server.net.Exchange;
import jakarta.servlet.http.HttpServletRequest;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A body that is a file: it may take as long as it needs, at a least rate. Remembers its own failure, so that it can be
 * told from one of whoever consumes it. For one thread.
 */
public final class Upload extends FilterInputStream {
    /** Slower than any line that a person would wait for. */
    private static final long BYTES_PER_SECOND = 1024;

    private final ClientConnection connection;
    private @Nullable IOException failure;

    private Upload(InputStream in, ClientConnection connection) {
        super(in);
        this.connection = connection;
    }

    public static Upload of(HttpServletRequest request) throws IOException {
        ClientConnection connection = Exchange.of(request).connection();
        InputStream in = Bodies.guarded(request);
        connection.uploadBegun(BYTES_PER_SECOND);
        return new Upload(in, connection);
    }

    /** Why reading failed, if it did. */
    public Optional<IOException> failure() {
        return Optional.ofNullable(failure);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        try {
            int read = super.read(buffer, offset, length);
            if (read < 0) {
                Bodies.requireWhole(connection);
                connection.requestReceived();
            }
            return read;
        } catch (IOException e) {
            failure = e;
            throw e;
        }
    }
}
