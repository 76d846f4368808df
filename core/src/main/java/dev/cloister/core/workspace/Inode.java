package dev.cloister.core.workspace;

import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.Objects;

/**
 * What the kernel says about a file.
 *
 * @param mode the twelve permission bits
 * @param modifiedAt milliseconds since the epoch
 */
record Inode(Kind kind, long uid, int mode, long size, long modifiedAt) {
    private static final int TYPE = 0170000;
    private static final int OWNER_EXECUTE = 0100;

    static Inode read(Path path, LinkOption... options) throws IOException {
        Map<String, Object> attributes = Files.readAttributes(path, "unix:mode,uid,size,lastModifiedTime", options);
        int mode = value(attributes, "mode", Integer.class);
        long uid = Integer.toUnsignedLong(value(attributes, "uid", Integer.class));
        Kind kind = switch (mode & TYPE) {
            case 0100000 -> Kind.FILE;
            case 0040000 -> Kind.DIRECTORY;
            case 0120000 -> Kind.LINK;
            default -> Kind.OTHER;
        };
        return new Inode(
                kind,
                uid,
                mode & 07777,
                value(attributes, "size", Long.class),
                value(attributes, "lastModifiedTime", FileTime.class).toMillis());
    }

    private static <T> T value(Map<String, Object> attributes, String name, Class<T> type) {
        return type.cast(Objects.requireNonNull(attributes.get(name), name));
    }

    Entry entry(String name) {
        return new Entry(name, kind, size, modifiedAt, kind == Kind.FILE && (mode & OWNER_EXECUTE) != 0);
    }
}
