package dev.cloister.core.sandbox;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.flow.OnPlatformThread;
import dev.cloister.core.flow.PumpedInput;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.core.workspace.Workspaces;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.SandboxProcess;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Files one by one through the server's own careful hands, or, where the isolation mode keeps them, by a program in the tenant's
 * sandbox; whole trees by tar, run as the tenant in its sandbox.
 */
public final class WorkspaceService implements Workspaces {
    /**
     * Unpacks beside the workspace first, so that no link that stands in the workspace is followed and nothing changes if an
     * entry is refused. Exit 3 says that an entry is of a refused kind, 4 that the archive is broken or leaves its
     * directory, 5 that it does not fit what is there.
     */
    private static final String UNPACK = """
            set -u
            new="$TMPDIR/new"
            mkdir "$new" || exit 5
            tar -x --no-same-owner --no-same-permissions -C "$new" -f - 2>/dev/null || exit 4
            [ -z "$(find "$new" ! -type f ! -type d ! -type l -print -quit)" ] || exit 3
            find "$new" -type l -printf '%l\\n' | grep -qE '^/|(^|/)\\.\\.(/|$)' && exit 3
            cp -a --no-preserve=ownership -- "$new/." . 2>/dev/null || exit 5
            """;

    private final WorkspaceRoot root;
    private final Programs programs;
    /** Whether the server's own hands reach no file of a tenant. */
    private final boolean fromInside;

    /**
     * @param quota for commands: tar is one, and so is what handles single files in a sandbox
     * @param timeout how long one may take; its tenant can stop it at any point and so keep the caller waiting
     */
    public WorkspaceService(
            WorkspaceRoot root, Sandboxes sandboxes, Quota quota, ScheduledExecutorService timer, Duration timeout) {
        this.root = root;
        this.programs = new Programs(sandboxes, quota, timer, timeout);
        this.fromInside = sandboxes.keepFiles();
    }

    @Override
    public WorkspaceFiles files(Tenant tenant) {
        return fromInside
                ? new SandboxFiles(tenant, programs, root::report)
                : root.files(root.open(tenant.id(), tenant.uid()));
    }

    @Override
    public InputStream tarDown(Tenant tenant, List<String> path) throws IOException {
        requireDirectory(tenant, path);
        Programs.Running running = programs.start(tenant, path, List.of("tar", "-c", "--format=posix", "-f", "-", "."));
        running.process().stdin().close();
        Programs.drain(running.process().stderr());
        return new FilterInputStream(new PumpedInput(
                running.process().stdout(), "tar-" + running.process().pid())) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                int count = super.read(target, offset, length);
                if (count < 0) {
                    requireWhole(running.process());
                }
                return count;
            }

            @Override
            public void close() throws IOException {
                super.close();
                running.close();
            }
        };
    }

    @Override
    public void tarUp(Tenant tenant, List<String> path, InputStream tar, long maxBytes) throws IOException {
        makeDirectory(tenant, path);
        try (Programs.Running running = programs.start(tenant, path, List.of("/bin/sh", "-c", UNPACK))) {
            Programs.drain(running.process().stdout());
            Programs.drain(running.process().stderr());
            // Both the client and the process may let this thread wait: see PumpedInput.
            OnPlatformThread.run("tar-" + running.process().pid(), () -> copy(tar, running.process(), maxBytes));
            ExitStatus status = running.process().await();
            if (status instanceof ExitStatus.Exited(int code)) {
                switch (code) {
                    case 0 -> {}
                    case 3 ->
                        throw CloisterException.invalid(
                                "the archive holds a device, a FIFO, or a link that is absolute or leads upwards;"
                                        + " nothing was unpacked");
                    case 4 ->
                        throw CloisterException.invalid(
                                "this is not a whole tar archive, or an entry leaves its directory; nothing was unpacked");
                    default ->
                        throw new CloisterException(
                                ErrorCode.CONFLICT,
                                "the archive does not fit what is there: a file stands where it has a directory,"
                                        + " or the reverse, or the disk is full");
                }
                return;
            }
            throw new CloisterException(ErrorCode.INTERNAL, "unpacking was cut off; send the archive again");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while unpacking", e);
        }
    }

    /** Bounded, and to the archive's end even if tar wants no more: the client must be able to read the answer. */
    private static void copy(InputStream tar, SandboxProcess process, long maxBytes) throws IOException {
        byte[] buffer = new byte[64 << 10];
        long total = 0;
        boolean wanted = true;
        OutputStream out = process.stdin();
        for (int n = tar.read(buffer); n >= 0; n = tar.read(buffer)) {
            total += n;
            if (total > maxBytes) {
                throw new CloisterException(
                        ErrorCode.TOO_LARGE, "the archive is larger than " + maxBytes + " bytes; send it in parts");
            }
            if (wanted) {
                try {
                    out.write(buffer, 0, n);
                } catch (IOException e) {
                    wanted = false;
                }
            }
        }
        try {
            out.close();
        } catch (IOException e) {
            // tar has ended already, and its exit status says why.
            return;
        }
    }

    private void requireDirectory(Tenant tenant, List<String> path) throws IOException {
        if (files(tenant).target(path).kind() != WorkspaceFiles.Kind.DIRECTORY) {
            throw CloisterException.invalid("only a directory can be had as a tar archive");
        }
    }

    /** A directory comes into being with a file in it, by the one careful way there is. */
    private void makeDirectory(Tenant tenant, List<String> path) throws IOException {
        WorkspaceFiles files = files(tenant);
        try {
            requireDirectory(tenant, path);
        } catch (CloisterException e) {
            if (e.code() != ErrorCode.NOT_FOUND) {
                throw e;
            }
            List<String> marker = new ArrayList<>(path);
            marker.add(".cloister-unpacking");
            files.write(marker, InputStream.nullInputStream(), 0, false);
            files.delete(marker);
        }
    }

    /** An archive that was cut off must not look like a whole one. Exit 1 says that a file changed while it was read. */
    private static void requireWhole(SandboxProcess tar) throws IOException {
        try {
            if (!(tar.await() instanceof ExitStatus.Exited(int code)) || code > 1) {
                throw new IOException("tar ended before the archive was whole");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while tar ended", e);
        }
    }
}
