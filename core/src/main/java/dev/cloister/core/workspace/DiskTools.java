package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The host's programs for file systems in files. Each call waits for its program's end; none goes through a shell.
 * Stateless and thread-safe.
 */
final class DiskTools {
    private static final String NO_SPACE = "No space left on device";
    private static final int OUTPUT_KEPT = 4096;
    private static final long PROGRESS_SECONDS = 10;

    /** e2fsck's own: errors were found and are mended. */
    private static final int MENDED = 1;

    /** Root's PATH lacks the last two on some hosts. */
    private static final List<String> PLACES = List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin");

    private static final Map<String, String> PACKAGES = Map.of(
            "mkfs.ext4", "e2fsprogs",
            "e2fsck", "e2fsprogs",
            "resize2fs", "e2fsprogs",
            "mount", "mount",
            "umount", "mount",
            "cp", "coreutils");

    /** Starts a program with its output and errors in one stream. */
    interface Starter {
        Process start(List<String> command) throws IOException;
    }

    private record Ended(int exit, String output) {}

    private final Starter starter;

    DiskTools(Starter starter) {
        this.starter = starter;
    }

    /** On this host. */
    static DiskTools ofHost() {
        return new DiskTools(command -> {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            // What they say is looked at.
            builder.environment().put("LC_ALL", "C");
            return builder.start();
        });
    }

    /** @throws CloisterException ISOLATION_FAILED if a program is missing, with the line that installs it */
    void requireAll() {
        PACKAGES.keySet().stream().sorted().forEach(DiskTools::program);
    }

    /** No blocks are kept for root, so that the tenant can fill what it was promised. */
    void makeFileSystem(Path image) throws IOException {
        require("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "root_owner=0:0", image.toString());
    }

    /** The loop device goes with the mount; what is deleted inside is given back to the host. */
    void mount(Path image, Path point) throws IOException {
        require("mount", "-t", "ext4", "-o", "loop,nosuid,nodev,discard", image.toString(), point.toString());
    }

    void unmount(Path point) throws IOException {
        require("umount", point.toString());
    }

    /** Takes the mount away now; the file system goes when the last that uses it ends. */
    void unmountLazily(Path point) throws IOException {
        require("umount", "--lazy", point.toString());
    }

    /** Makes the file system of an image that is not mounted as large as its file. */
    void grow(Path image) throws IOException {
        // resize2fs refuses a file system that was not looked through since its last mount.
        Ended looked = run(List.of("e2fsck", "-f", "-p", image.toString()), () -> {});
        if (looked.exit() > MENDED) {
            throw failed("e2fsck", looked);
        }
        require("resize2fs", image.toString());
    }

    /**
     * Copies directories with owners, modes, times, links and holes. Follows no link; names of the tenant's are in no
     * message.
     *
     * @param progress called now and then
     * @throws CloisterException OVERLOADED if the target is full
     */
    void copy(List<Path> sources, Path target, Runnable progress) throws IOException {
        List<String> command = new ArrayList<>(List.of("cp", "-a", "--one-file-system", "--"));
        sources.forEach(source -> command.add(source.toString()));
        command.add(target.toString());
        Ended copied = run(command, progress);
        if (copied.exit() == 0) {
            return;
        }
        if (copied.output().contains(NO_SPACE)) {
            throw new CloisterException(
                    ErrorCode.OVERLOADED,
                    "what the workspace holds does not fit into workspace.quota; the operator should raise it, or set"
                            + " it to none and have files deleted");
        }
        throw new CloisterException(
                ErrorCode.ISOLATION_FAILED,
                "cp could not copy the workspace into its image and ended with " + copied.exit()
                        + "; the operator should look at the host's disk. The workspace is as it was");
    }

    private void require(String... command) throws IOException {
        Ended ended = run(List.of(command), () -> {});
        if (ended.exit() != 0) {
            throw failed(command[0], ended);
        }
    }

    private static CloisterException failed(String program, Ended ended) {
        String remedy = program.equals("mount")
                ? ". Remedy: mounting needs CAP_SYS_ADMIN and the host's loop devices: see `Disk quota` in docs/operations.md"
                : ". Remedy: look at the host's disk and at what uses it";
        return new CloisterException(
                ErrorCode.ISOLATION_FAILED,
                "workspace.quota: " + program + " ended with " + ended.exit() + ": "
                        + ended.output().strip().replaceAll("[.]+$", "").replace('\n', ' ') + remedy);
    }

    private Ended run(List<String> command, Runnable progress) throws IOException {
        List<String> found = new ArrayList<>(command);
        found.set(0, program(command.getFirst()).toString());
        Process process = starter.start(found);
        StringBuilder output = new StringBuilder();
        Thread reader = Thread.ofPlatform().daemon(true).name("disk-tool").start(() -> keepFirst(process, output));
        process.getOutputStream().close();
        // To its end whatever happens to the caller: a mount that was cut off would have to be found again.
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    if (process.waitFor(PROGRESS_SECONDS, TimeUnit.SECONDS)) {
                        reader.join();
                        return new Ended(process.exitValue(), output.toString());
                    }
                    progress.run();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Reads to the end, or the program would wait; keeps what a message has room for. */
    private static void keepFirst(Process process, StringBuilder output) {
        byte[] chunk = new byte[OUTPUT_KEPT];
        try (InputStream in = process.getInputStream()) {
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                if (output.length() < OUTPUT_KEPT) {
                    output.append(new String(chunk, 0, count, StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            // It was ended; its exit status says enough.
            return;
        }
    }

    static Path program(String name) {
        return PLACES.stream()
                .map(place -> Path.of(place, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new CloisterException(
                        ErrorCode.ISOLATION_FAILED,
                        "workspace.quota needs " + name + ", which is not on this host. Remedy: apt-get install "
                                + PACKAGES.getOrDefault(name, "e2fsprogs") + ", or set workspace.quota to none"));
    }
}
