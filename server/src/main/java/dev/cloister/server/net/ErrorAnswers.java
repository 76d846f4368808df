package dev.cloister.server.net;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** Gives Jetty's own errors (a malformed head, a header flood) the shape of all others. Thread-safe. */
public final class ErrorAnswers extends ErrorHandler {
    private final RequestIds ids;

    public ErrorAnswers(RequestIds ids) {
        this.ids = ids;
    }

    @Override
    public boolean errorPageForMethod(String method) {
        return true;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        if (request.getAttribute(ERROR_EXCEPTION) instanceof HttpException failure) {
            status = failure.getCode();
            response.setStatus(status);
        }
        String given = response.getHeaders().get(Answers.REQUEST_ID);
        String id = given == null ? ids.next() : given;
        Answers.commonHeaders(response.getHeaders(), id);
        if (HttpStatus.hasNoBody(status)) {
            callback.succeeded();
            return true;
        }
        byte[] body = Answers.error(Answers.typeOf(status), message(status), id)
                .toString()
                .getBytes(StandardCharsets.UTF_8);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Answers.JSON);
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        response.write(true, ByteBuffer.wrap(body), callback);
        return true;
    }

    /** Jetty's own text is not passed on: it can quote what the client sent. */
    private static String message(int status) {
        return switch (status) {
            case HttpStatus.BAD_REQUEST_400 -> "the request is not valid HTTP; check its request line and headers";
            case HttpStatus.NOT_FOUND_404 -> "there is no such path; see /openapi.json";
            case HttpStatus.REQUEST_TIMEOUT_408 -> "the request did not arrive in time; send it faster";
            case HttpStatus.URI_TOO_LONG_414 -> "the address is too long; shorten it";
            case HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431 ->
                "the headers are too large; send fewer or shorter ones";
            case HttpStatus.INTERNAL_SERVER_ERROR_500 ->
                "the server failed; its log names the cause under the request id";
            default -> text(HttpStatus.getMessage(status));
        };
    }

    private static String text(@Nullable String message) {
        return message == null ? "the request could not be answered" : message;
    }
}
