package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.server.net.Answers;
import dev.cloister.server.net.Exchange;
import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** Writes complete answers. Stateless. */
public final class Replies {
    private Replies() {}

    public static void json(Context context, int status, JsonNode body) {
        bytes(context, status, Answers.JSON, body.toString().getBytes(StandardCharsets.UTF_8));
    }

    public static void bytes(Context context, int status, String type, byte[] body) {
        HttpServletResponse response = context.res();
        response.setStatus(status);
        response.setContentType(type);
        response.setContentLengthLong(body.length);
        try {
            response.getOutputStream().write(body);
        } catch (IOException e) {
            throw gone(e);
        }
    }

    public static void empty(Context context, int status) {
        context.res().setStatus(status);
        context.res().setContentType(null);
    }

    /** Writes an error; an answer that is under way already is cut off, so that it does not pass for a complete one. */
    public static void error(Context context, CloisterException failure) {
        HttpServletResponse response = context.res();
        if (response.isCommitted()) {
            Exchange.of(context.req()).connection().abort();
            return;
        }
        response.resetBuffer();
        failure.retryAfter().ifPresent(wait -> response.setHeader("retry-after", Answers.retryAfter(wait)));
        if (failure.code() == ErrorCode.UNAUTHENTICATED) {
            response.setHeader("WWW-Authenticate", "Bearer");
        }
        if (failure.code() == ErrorCode.TOO_SLOW) {
            response.setHeader("Connection", "close");
        }
        try {
            json(
                    context,
                    failure.code().status(),
                    Answers.error(failure, Exchange.of(context.req()).requestId()));
        } catch (CloisterException e) {
            if (e.code() != ErrorCode.CLIENT_GONE) {
                throw e;
            }
        }
    }

    /** What a failed write means. */
    public static CloisterException gone(IOException cause) {
        return new CloisterException(ErrorCode.CLIENT_GONE, "the client went away", cause);
    }
}
