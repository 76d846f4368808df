package dev.cloister.isolation.local.launch;

import dev.cloister.isolation.local.process.ProcessMemory;
import java.io.BufferedOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;

/**
 * A program that {@link Spawn} started. Thread-safe, but for its streams: each of them is for one thread at a time.
 *
 * <p>Whoever has it reads both outputs to their end, which closes them, or closes them.
 */
final class ChildProcess implements RunningLauncher {
    /** It waits in one system call. */
    private static final long REAPER_STACK = 256 << 10;

    private final int pid;
    private final OutputStream stdin;
    private final InputStream stdout;
    private final InputStream stderr;
    private final CountDownLatch ended = new CountDownLatch(1);

    ChildProcess(int pid, FileOutputStream stdin, FileInputStream stdout, FileInputStream stderr) {
        this.pid = pid;
        this.stdin = new BufferedOutputStream(stdin);
        this.stdout = new UntilEnd(stdout);
        this.stderr = new UntilEnd(stderr);
        Thread.ofPlatform()
                .daemon(true)
                .stackSize(REAPER_STACK)
                .name("reaper-" + pid)
                .start(this::reap);
    }

    private void reap() {
        Spawn.awaitEnd(pid);
        synchronized (this) {
            Spawn.reap(pid);
            // The kernel may have given the pid to another process already.
            ended.countDown();
        }
        try {
            stdin.close();
        } catch (IOException e) {
            // What was still to be written has nobody to read it.
            return;
        }
    }

    @Override
    public long pid() {
        return pid;
    }

    @Override
    public OutputStream stdin() {
        return stdin;
    }

    @Override
    public InputStream stdout() {
        return stdout;
    }

    @Override
    public InputStream stderr() {
        return stderr;
    }

    @Override
    public boolean isAlive() {
        return ended.getCount() > 0;
    }

    @Override
    public void awaitEnd() throws InterruptedException {
        ended.await();
    }

    @Override
    public OptionalLong memory() {
        return ProcessMemory.ofTree(pid);
    }

    @Override
    public synchronized void kill() {
        if (isAlive()) {
            Spawn.signal(pid, Spawn.SIGKILL);
        }
    }

    @Override
    public void killAll() {
        ProcessHandle.of(pid).ifPresent(one -> one.descendants().forEach(ProcessHandle::destroyForcibly));
        kill();
    }

    @Override
    public void discard() throws IOException {
        kill();
        try (OutputStream in = stdin;
                InputStream out = stdout;
                InputStream err = stderr) {
            return;
        }
    }

    /** A pipe's end, which is closed when nothing more comes through it. */
    private static final class UntilEnd extends FilterInputStream {
        UntilEnd(FileInputStream pipe) {
            super(pipe);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int count = super.read(into, offset, length);
            if (count < 0) {
                close();
            }
            return count;
        }
    }
}
