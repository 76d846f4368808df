package dev.cloister.core.audit;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The head's file: replaced as a whole, readable by its owner only, and moved only forward even where several processes
 * write it. Thread-safe.
 */
final class AuditHeadFile {
    /** One for all instances: a lock on a file belongs to the whole process, so that it cannot keep threads apart. */
    private static final ReentrantLock IN_THIS_PROCESS = new ReentrantLock();

    private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY = PosixFilePermissions.asFileAttribute(
            EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE));

    private final AuditChain chain;
    private final Path file;

    AuditHeadFile(AuditChain chain, Path file) {
        this.chain = chain;
        this.file = file.toAbsolutePath();
    }

    /** What the file says, and whether that can be believed. */
    sealed interface Reading {
        record Genuine(AuditHead head) implements Reading {}

        record Forged() implements Reading {}

        record Missing() implements Reading {}
    }

    Reading read() {
        try {
            return AuditHead.parse(Files.readString(file, StandardCharsets.ISO_8859_1))
                    .filter(chain::isGenuine)
                    .<Reading>map(Reading.Genuine::new)
                    .orElseGet(Reading.Forged::new);
        } catch (NoSuchFileException missing) {
            return new Reading.Missing();
        } catch (IOException failure) {
            throw failed("read", failure);
        }
    }

    /** Writes the head of an empty log unless there is a file already. */
    void begin() {
        exclusively(() -> {
            if (Files.notExists(file)) {
                replace(AuditHead.of(chain, 0, AuditChain.START));
            }
        });
    }

    /** Moves the head to an entry that is durable in the log, unless another process has moved it further. */
    void advance(AuditEntry entry) {
        exclusively(() -> {
            if (!(read() instanceof Reading.Genuine(AuditHead head)) || head.seq() < entry.seq()) {
                replace(AuditHead.of(chain, entry.seq(), entry.hash()));
            }
        });
    }

    private interface Change {
        void run() throws IOException;
    }

    private void exclusively(Change change) {
        IN_THIS_PROCESS.lock();
        try (FileChannel lockFile = FileChannel.open(
                        beside(".lock"), Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), OWNER_ONLY);
                // Released with its channel; the file is never renamed, as the head itself is.
                var lock = lockFile.lock()) {
            if (lock.isValid()) {
                change.run();
            }
        } catch (IOException failure) {
            throw failed("written", failure);
        } finally {
            IN_THIS_PROCESS.unlock();
        }
    }

    private void replace(AuditHead head) throws IOException {
        Path fresh = beside(".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel =
                FileChannel.open(fresh, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_ONLY)) {
            ByteBuffer bytes = ByteBuffer.wrap(head.format().getBytes(StandardCharsets.ISO_8859_1));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            // Without this a loss of power can leave an empty file under the new name, which would look like tampering.
            channel.force(false);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private Path beside(String suffix) {
        return file.resolveSibling(file.getFileName() + suffix);
    }

    private CloisterException failed(String what, IOException cause) {
        return new CloisterException(
                ErrorCode.INTERNAL,
                "the audit head " + file + " cannot be " + what + "; check its owner and the space on its disk",
                cause);
    }
}
