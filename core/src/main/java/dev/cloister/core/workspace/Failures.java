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
public final class Failures {
    /** More names than this are not read: sorting them takes the server's time, not the tenant's. */
    static final int MOST_NAMES = 100_000;

    private static final String NO_SPACE = "no space left on device";
    private static final String NO_QUOTA = "quota exceeded";
    private static final String NO_DESCRIPTORS = "too many open files";

    private Failures() {}

    static CloisterException notFound() {
        return CloisterException.notFound("nothing stands at this path of the workspace");
    }

    public static CloisterException conflict(String message) {
        return new CloisterException(ErrorCode.CONFLICT, message);
    }

    public static CloisterException link() {
        return new CloisterException(
                ErrorCode.FORBIDDEN, "the path goes through a symbolic link, which is never followed; name its target");
    }

    /** For something of which the server would have to sort more names than it wants to. */
    public static CloisterException manyNames() {
        return new CloisterException(
                ErrorCode.TOO_LARGE,
                "the directory holds more than " + MOST_NAMES + " entries; list it by a command instead");
    }

    public static CloisterException noDirectory() {
        return conflict("a file stands where the path needs a directory");
    }

    public static CloisterException directoryToRead() {
        return conflict("a directory stands at this path; list it instead");
    }

    public static CloisterException specialToRead() {
        return new CloisterException(
                ErrorCode.FORBIDDEN, "only regular files can be read, not FIFOs, sockets or devices");
    }

    public static CloisterException directoryToReplace() {
        return conflict("a directory stands at this path; delete it first");
    }

    public static CloisterException specialToReplace() {
        return conflict("a FIFO, socket or device stands at this path; delete it first");
    }

    public static CloisterException workspaceAsFile() {
        return conflict("the workspace itself is a directory; name a file in it");
    }

    public static CloisterException workspaceDeleted() {
        return CloisterException.invalid("the workspace itself cannot be deleted; name something in it");
    }

    public static CloisterException tooLarge(long maxBytes) {
        return new CloisterException(
                ErrorCode.TOO_LARGE,
                "the file is larger than " + maxBytes + " bytes; split it, or fetch it from the sandbox");
    }

    public static CloisterException changing() {
        return conflict("the directories of the path are being deleted all the time; try again later");
    }

    /** @param answer of a system call: a negated errno */
    public static CloisterException of(int answer) {
        int errno = -answer;
        return switch (errno) {
            case Posix.ENOENT -> notFound();
            case Posix.EACCES, Posix.EPERM -> denied();
            case Posix.ENOTDIR -> noDirectory();
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
