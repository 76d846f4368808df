package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.server.net.ClientConnection;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** What ends waiting early: the client went away, or the server stops. For one request. */
final class Patience {
    /** How long one poll may wait before the client is looked after again. */
    static final Duration STEP = Duration.ofMillis(400);

    private final ClientConnection connection;
    private final BooleanSupplier stopping;
    private long lastLook = System.nanoTime();

    Patience(ClientConnection connection, BooleanSupplier stopping) {
        this.connection = connection;
        this.stopping = stopping;
    }

    /** Cheap enough for every event of a busy stream. @throws CloisterException CLIENT_GONE or NOT_READY */
    void check() {
        long now = System.nanoTime();
        if (now - lastLook < STEP.toNanos()) {
            return;
        }
        lastLook = now;
        if (connection.peerGone()) {
            throw new CloisterException(ErrorCode.CLIENT_GONE, "the client went away");
        }
        if (stopping.getAsBoolean()) {
            throw new CloisterException(ErrorCode.NOT_READY, "the server is stopping; try again when it is back");
        }
    }

    /** For a thread that was interrupted while it waited. */
    static CloisterException interrupted() {
        Thread.currentThread().interrupt();
        return new CloisterException(ErrorCode.NOT_READY, "the server is stopping; try again when it is back");
    }
}
