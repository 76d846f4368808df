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
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The head's file: readable by its owner only, and moved only forward even where several processes write it. Thread-safe.
 *
 * <p>It is overwritten in place. Its line always has the same length, far below that of a disk's sector, which a loss of power
 * leaves either old or new: SQLite builds on the same, see "powersafe overwrite" in its documentation. A new file
 * for each entry would make every writer wait for the file system's journal, and so for whatever another tenant is writing.
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

    /** Waits for a writer only if what is there looks wrong: it may just be written. */
    Reading read() {
        Reading reading = readNow();
        return reading instanceof Reading.Forged ? exclusively(this::readNow) : reading;
    }

    private Reading readNow() {
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
        exclusively(() -> Files.notExists(file) && replace(AuditHead.of(chain, 0, AuditChain.START)));
    }

    /** Moves the head to an entry that is durable in the log, unless another process has moved it further. */
    void advance(AuditEntry entry) {
        AuditHead next = AuditHead.of(chain, entry.seq(), entry.hash());
        exclusively(() -> switch (readNow()) {
            case Reading.Genuine(AuditHead now) when now.seq() >= next.seq() -> false;
            case Reading.Genuine genuine when Files.size(file) == AuditHead.BYTES -> overwrite(next);
            // Written by a version before this, whose lines grew with the number.
            case Reading.Genuine genuine -> replace(next);
            case Reading.Forged forged -> replace(next);
            case Reading.Missing missing -> replace(next);
        });
    }

    private interface Work<T> {
        T run() throws IOException;
    }

    private <T> T exclusively(Work<T> work) {
        IN_THIS_PROCESS.lock();
        try (FileChannel lockFile = FileChannel.open(
                        beside(".lock"), Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), OWNER_ONLY);
                // Released with its channel; the file is never renamed, as the head itself is.
                var lock = lockFile.lock()) {
            Objects.requireNonNull(lock);
            return work.run();
        } catch (IOException failure) {
            throw failed("written", failure);
        } finally {
            IN_THIS_PROCESS.unlock();
        }
    }

    private boolean overwrite(AuditHead head) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            write(head, channel);
        }
        return true;
    }

    private boolean replace(AuditHead head) throws IOException {
        Path fresh = beside(".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel =
                FileChannel.open(fresh, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_ONLY)) {
            write(head, channel);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return true;
    }

    /** On the disk when it returns: otherwise a loss of power could leave an empty file, which would look like tampering. */
    private static void write(AuditHead head, FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(head.format().getBytes(StandardCharsets.ISO_8859_1));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        channel.force(false);
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
