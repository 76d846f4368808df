package dev.cloister.isolation.tck;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Reads what a process prints, on a thread of its own, so that nobody waits for ever for its end. Thread-safe. */
final class Output {
    /** In gVisor a file system is filled ten times as slowly. */
    static final long PATIENCE_MS = 60_000;

    private static final int MOST = 1 << 20;

    private final ByteArrayOutputStream text = new ByteArrayOutputStream();
    private final long patienceMs;
    private final Thread reader;
    private boolean ended;

    /** @param slowness see {@link dev.cloister.spi.Sandbox#slowness} */
    Output(InputStream from, int slowness) {
        patienceMs = PATIENCE_MS * slowness;
        reader = Thread.ofPlatform().daemon(true).name("attack-output").start(() -> read(from));
    }

    private void read(InputStream from) {
        byte[] buffer = new byte[8192];
        try (from) {
            for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                take(buffer, n);
            }
        } catch (IOException e) {
            // Its process was ended.
            return;
        } finally {
            end();
        }
    }

    private synchronized void take(byte[] buffer, int n) {
        text.write(buffer, 0, Math.min(n, MOST - text.size()));
        notifyAll();
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** All so far, once it has ended or the time is over. */
    String awaitEnd() throws InterruptedException {
        reader.join(patienceMs);
        return text();
    }

    /** @return whether it has printed the word */
    synchronized boolean awaitWord(String word) throws InterruptedException {
        long deadline = System.nanoTime() + patienceMs * 1_000_000;
        while (!text().contains(word) && !ended && System.nanoTime() < deadline) {
            wait(50);
        }
        return text().contains(word);
    }

    synchronized String text() {
        return text.toString(StandardCharsets.UTF_8);
    }
}
