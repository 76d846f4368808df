package dev.cloister.server.net;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.eclipse.jetty.http.HttpException;

/**
 * A request's body whose failures are all of one kind. Jetty tells of a body that ends early by an I/O exception or, where the
 * end comes while it looks for more, by an unchecked one.
 */
public final class BodyStream extends FilterInputStream {
    private interface Reading {
        int read() throws IOException;
    }

    public BodyStream(InputStream in) {
        super(in);
    }

    private static int read(Reading reading) throws IOException {
        try {
            return reading.read();
        } catch (RuntimeException e) {
            if (e instanceof HttpException) {
                throw new IOException("the body is broken", e);
            }
            throw e;
        }
    }

    @Override
    public int read() throws IOException {
        return read(super::read);
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        return read(() -> in.read(buffer, offset, length));
    }
}
