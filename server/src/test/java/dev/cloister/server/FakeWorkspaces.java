package dev.cloister.server;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.Workspaces;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

/** One flat tree of files in memory, the same for every tenant; a "tar" is the text of its entries' names. */
final class FakeWorkspaces implements Workspaces {
    final Map<String, byte[]> files = new ConcurrentSkipListMap<>();
    volatile int breakTarAfter;

    @Override
    public WorkspaceFiles files(Tenant tenant) {
        return new Tree();
    }

    @Override
    public InputStream tarDown(Tenant tenant, List<String> path) {
        if (breakTarAfter > 0) {
            return new SequenceInputStream(new ByteArrayInputStream(new byte[breakTarAfter]), new InputStream() {
                @Override
                public int read() throws IOException {
                    throw new IOException("the disk is gone");
                }

                @Override
                public int read(byte[] buffer, int offset, int length) throws IOException {
                    return read();
                }
            });
        }
        return new ByteArrayInputStream(String.join(",", files.keySet()).getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void tarUp(Tenant tenant, List<String> path, InputStream tar, long maxBytes) throws IOException {
        files.put(String.join("/", path) + "/unpacked", tar.readAllBytes());
    }

    private final class Tree implements WorkspaceFiles {
        @Override
        public Entry target(List<String> path) {
            return stat(path);
        }

        @Override
        public Entry stat(List<String> path) {
            String name = String.join("/", path);
            byte[] content = files.get(name);
            if (content != null) {
                return new Entry(path.getLast(), Kind.FILE, content.length, 1, false);
            }
            if (files.keySet().stream().anyMatch(key -> key.startsWith(name + "/"))) {
                return new Entry(path.getLast(), Kind.DIRECTORY, 0, 1, false);
            }
            throw CloisterException.notFound("there is nothing at this path");
        }

        @Override
        public List<Entry> list(List<String> path, int limit) {
            return files.entrySet().stream()
                    .limit(limit)
                    .map(e -> new Entry(e.getKey(), Kind.FILE, e.getValue().length, 1, false))
                    .toList();
        }

        @Override
        public Content read(List<String> path) {
            byte[] bytes = files.getOrDefault(String.join("/", path), new byte[0]);
            return new Content(bytes.length, new ByteArrayInputStream(bytes));
        }

        @Override
        public boolean write(List<String> path, InputStream content, long maxBytes, boolean executable)
                throws IOException {
            byte[] bytes = content.readNBytes((int) maxBytes + 1);
            if (bytes.length > maxBytes) {
                throw new CloisterException(ErrorCode.TOO_LARGE, "the file is too large");
            }
            return files.put(String.join("/", path), Arrays.copyOf(bytes, bytes.length)) == null;
        }

        @Override
        public void delete(List<String> path) {
            if (files.remove(String.join("/", path)) == null) {
                throw CloisterException.notFound("there is nothing at this path");
            }
        }
    }
}
