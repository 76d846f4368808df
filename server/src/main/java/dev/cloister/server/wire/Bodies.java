package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.server.net.BodyStream;
import dev.cloister.server.net.ClientConnection;
import dev.cloister.server.net.Exchange;
import jakarta.servlet.http.HttpServletRequest;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ObjectNode;

/** Reads request bodies. Thread-safe. */
public final class Bodies {
    private static final Pattern JSON_TYPE =
            Pattern.compile("application/(?:[a-z0-9.+-]+\\+)?json(?:\\s*;\\s*charset=\"?utf-8\"?)?\\s*;?");

    private final Json json;
    private final long maxBytes;

    public Bodies(Json json, long maxBytes) {
        this.json = json;
        this.maxBytes = maxBytes;
    }

    /**
     * Reads a JSON object.
     *
     * @param mayHoldNul see {@link Json#object}
     * @throws CloisterException UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, TOO_SLOW, CLIENT_GONE or INVALID_REQUEST
     */
    public ObjectNode object(HttpServletRequest request, String mayHoldNul) {
        return json.object(bytes(request), mayHoldNul);
    }

    /** The same for a route whose body may be left out. */
    public Optional<ObjectNode> optionalObject(HttpServletRequest request) {
        byte[] bytes = bytes(request);
        return bytes.length == 0 ? Optional.empty() : Optional.of(json.object(bytes, ""));
    }

    private byte[] bytes(HttpServletRequest request) {
        requireJson(request);
        requireSize(request, maxBytes);
        Exchange exchange = Exchange.of(request);
        byte[] bytes;
        try (InputStream in = guarded(request)) {
            bytes = in.readNBytes((int) Math.min(maxBytes + 1, Integer.MAX_VALUE - 8));
            requireWhole(exchange.connection());
        } catch (IOException e) {
            throw unread(exchange, e);
        }
        if (bytes.length > maxBytes) {
            throw tooLarge(maxBytes);
        }
        exchange.connection().requestReceived();
        return bytes;
    }

    /** The body as it arrives; its failures are told apart by {@link #unread}. */
    public static InputStream guarded(HttpServletRequest request) throws IOException {
        requireIdentity(request);
        return new BodyStream(request.getInputStream());
    }

    /**
     * Refuses a body that was cut off: between two chunks Jetty takes the end of the connection for the end of the body.
     *
     * @throws IOException for {@link #unread} to explain
     */
    static void requireWhole(ClientConnection connection) throws IOException {
        if (connection.tooSlow() || connection.peerGone()) {
            throw new EOFException("the body was cut off");
        }
    }

    /** Why a body could not be read to its end. */
    public static CloisterException unread(Exchange exchange, IOException cause) {
        if (exchange.connection().tooSlow()) {
            return new CloisterException(
                    ErrorCode.TOO_SLOW, "the request did not arrive in time; send it faster", cause);
        }
        return exchange.connection().peerGone()
                ? new CloisterException(ErrorCode.CLIENT_GONE, "the body ended early", cause)
                : new CloisterException(
                        ErrorCode.INVALID_REQUEST, "the body is not valid HTTP; check its chunks", cause);
    }

    /** Refuses a body that says in advance that it is too large, before a byte of it is read. */
    public static void requireSize(HttpServletRequest request, long maxBytes) {
        if (request.getContentLengthLong() > maxBytes) {
            throw tooLarge(maxBytes);
        }
    }

    private static CloisterException tooLarge(long maxBytes) {
        return new CloisterException(
                ErrorCode.TOO_LARGE, "the body is larger than " + maxBytes + " bytes; send less at once");
    }

    private static void requireJson(HttpServletRequest request) {
        String type = request.getContentType();
        if (type != null
                && !JSON_TYPE.matcher(type.strip().toLowerCase(Locale.ROOT)).matches()) {
            throw new CloisterException(
                    ErrorCode.UNSUPPORTED_MEDIA_TYPE, "send the body as content-type: application/json in UTF-8");
        }
    }

    private static void requireIdentity(HttpServletRequest request) {
        String encoding = request.getHeader("Content-Encoding");
        if (encoding != null && !encoding.strip().equalsIgnoreCase("identity")) {
            throw new CloisterException(
                    ErrorCode.UNSUPPORTED_MEDIA_TYPE, "send the body without content-encoding: it is not decoded");
        }
    }
}
