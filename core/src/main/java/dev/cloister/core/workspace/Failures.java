package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.Objects;

/** What went wrong on the disk, as a sentence for the caller. Pure. */
final class Failures {
    private static final String NO_SPACE = "no space left on device";
    private static final String NO_QUOTA = "quota exceeded";
    private static final String NO_DESCRIPTORS = "too many open files";

    private Failures() {}

    static CloisterException notFound() {
        return CloisterException.notFound("nothing stands at this path of the workspace");
    }

    static CloisterException conflict(String message) {
        return new CloisterException(ErrorCode.CONFLICT, message);
    }

    /** @param answer of a call of {@link Posix}: a negated errno */
    static CloisterException of(int answer) {
        int errno = -answer;
        return switch (errno) {
            case Posix.ENOENT -> notFound();
            case Posix.EACCES, Posix.EPERM -> denied();
            case Posix.ENOTDIR -> conflict("a file stands where the path needs a directory");
            case Posix.EISDIR, Posix.ENOTEMPTY, Posix.EEXIST -> conflict("a directory stands at this path");
            case Posix.EBUSY -> conflict("the file system is using what stands at this path; try again later");
            case Posix.EAGAIN ->
                conflict("a process of the workspace holds a lease on this file; end it, or try again in a minute");
            case Posix.ENOSPC, Posix.EDQUOT -> diskFull();
            case Posix.EMFILE, Posix.ENFILE -> descriptorsUsedUp();
            case Posix.ENAMETOOLONG -> CloisterException.invalid("a component of the path is too long for the disk");
            case Posix.EROFS ->
                new CloisterException(
                        ErrorCode.INTERNAL, "the workspaces are on a read-only file system; tell the operator");
            case Posix.EXDEV ->
                new CloisterException(
                        ErrorCode.INTERNAL,
                        "the workspace is not on the file system of the staging directory; the operator must mount"
                                + " nothing below the workspaces' directory");
            default ->
                new CloisterException(
                        ErrorCode.INTERNAL,
                        "the file system refused with error number " + errno + "; tell the operator");
        };
    }

    /** The same for java.nio, which has classes for some errors and only the C library's text for others. */
    static CloisterException of(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return notFound();
        }
        if (failure instanceof AccessDeniedException) {
            return denied();
        }
        if (isFull(failure)) {
            return diskFull();
        }
        if (text(failure).contains(NO_DESCRIPTORS)) {
            return descriptorsUsedUp();
        }
        return new CloisterException(ErrorCode.INTERNAL, "the file system failed; tell the operator", failure);
    }

    /** Whether nothing could be made because no block or no inode is left. */
    static boolean isFull(IOException failure) {
        return text(failure).contains(NO_SPACE) || text(failure).contains(NO_QUOTA);
    }

    private static String text(IOException failure) {
        return String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
    }

    static CloisterException of(DirectoryIteratorException failure) {
        return of(Objects.requireNonNull(failure.getCause(), "never made without one"));
    }

    private static CloisterException denied() {
        return new CloisterException(
                ErrorCode.FORBIDDEN,
                "the permissions of the workspace's own files do not allow this; chmod them first");
    }

    private static CloisterException diskFull() {
        return new CloisterException(
                ErrorCode.OVERLOADED,
                "no space is left: the workspace has used up its disk quota (workspace.quota), or the disk of the"
                        + " workspaces is full; delete what is not needed and try again");
    }

    private static CloisterException descriptorsUsedUp() {
        return new CloisterException(ErrorCode.OVERLOADED, "the server has too many files open; try again later");
    }
}
