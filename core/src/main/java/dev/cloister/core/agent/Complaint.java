package dev.cloister.core.agent;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Reads an agent's standard error to its end and keeps the last of it. For a thread of its own. */
final class Complaint implements Runnable {
    private static final int KEPT = 4096;

    private final InputStream stderr;
    private final StringBuilder tail = new StringBuilder();
    private boolean ended;

    Complaint(InputStream stderr) {
        this.stderr = stderr;
    }

    @Override
    public void run() {
        byte[] buffer = new byte[4096];
        try {
            for (int n = stderr.read(buffer); n >= 0; n = stderr.read(buffer)) {
                append(new String(buffer, 0, n, StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            append("");
        }
        synchronized (this) {
            ended = true;
            notifyAll();
        }
    }

    private synchronized void append(String text) {
        tail.append(text);
        if (tail.length() > KEPT) {
            tail.delete(0, tail.length() - KEPT);
        }
    }

    /** Waits until all of it was read, but no longer than that. */
    synchronized void awaitEnd(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        try {
            while (!ended && System.nanoTime() < deadline) {
                wait(50);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    synchronized String text() {
        return tail.toString();
    }
}
