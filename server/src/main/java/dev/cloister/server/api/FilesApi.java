package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.core.workspace.WorkspaceFiles.Entry;
import dev.cloister.core.workspace.WorkspaceFiles.Kind;
import dev.cloister.core.workspace.Workspaces;
import dev.cloister.server.net.Exchange;
import dev.cloister.server.wire.Addresses;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.Replies;
import dev.cloister.server.wire.Upload;
import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code /v1/files}: the tenant's code directory. Thread-safe. */
final class FilesApi {
    static final String PREFIX = "/v1/files";
    private static final int MAX_ENTRIES = 10_000;

    private final Authentication authentication;
    private final JsonMapper mapper;
    private final Workspaces workspaces;
    private final WorkspacePaths paths;
    private final long maxFile;

    FilesApi(
            Authentication authentication,
            JsonMapper mapper,
            Workspaces workspaces,
            WorkspacePaths paths,
            long maxFile) {
        this.authentication = authentication;
        this.mapper = mapper;
        this.workspaces = workspaces;
        this.paths = paths;
        this.maxFile = maxFile;
    }

    /** GET and HEAD. */
    void get(Context context) throws IOException {
        Tenant tenant = authentication.principal(context).tenant();
        List<String> path = path(context, tenant);
        if (tar(context)) {
            tarDown(context, tenant, path);
            return;
        }
        WorkspaceFiles files = workspaces.files(tenant);
        Entry entry = path.isEmpty() ? new Entry("", Kind.DIRECTORY, 0, 0, false) : files.target(path);
        switch (entry.kind()) {
            case FILE -> file(context, files, path);
            case DIRECTORY -> directory(context, files, path);
            case LINK, OTHER ->
                throw new CloisterException(
                        ErrorCode.FORBIDDEN,
                        "this is neither a file nor a directory; read what it stands for through POST /v1/exec");
        }
    }

    void put(Context context) throws IOException {
        Tenant tenant = authentication.principal(context).tenant();
        List<String> path = path(context, tenant);
        boolean tar = tar(context);
        boolean executable = Addresses.flag(context.req(), "executable", false);
        if (path.isEmpty() && !tar) {
            throw CloisterException.invalid("name the file behind /v1/files/, or unpack a directory with ?format=tar");
        }
        Bodies.requireSize(context.req(), maxFile);
        Upload upload = Upload.of(context.req());
        boolean created = false;
        try {
            if (tar) {
                workspaces.tarUp(tenant, path, upload, maxFile);
            } else {
                created = workspaces.files(tenant).write(path, upload, maxFile, executable);
            }
        } catch (IOException | CloisterException e) {
            if (upload.failure().isPresent()) {
                throw Bodies.unread(Exchange.of(context.req()), upload.failure().get());
            }
            throw e;
        }
        ObjectNode body = mapper.createObjectNode().put("path", String.join("/", path));
        Replies.json(context, created ? 201 : 200, body.put("type", tar ? "directory" : "file"));
    }

    void delete(Context context) throws IOException {
        Tenant tenant = authentication.principal(context).tenant();
        List<String> path = path(context, tenant);
        if (path.isEmpty()) {
            throw CloisterException.invalid("the workspace itself cannot be deleted; delete what is in it");
        }
        workspaces.files(tenant).delete(path);
        Replies.empty(context, 204);
    }

    private List<String> path(Context context, Tenant tenant) {
        String path = Addresses.pathBehind(context.req(), PREFIX + "/");
        return paths.components(tenant, Exchange.of(context.req()).requestId(), path);
    }

    private static boolean tar(Context context) {
        Optional<String> format = Addresses.query(context.req(), "format");
        if (format.isPresent() && !format.get().equals("tar")) {
            throw CloisterException.invalid("the query parameter format must be tar, or be left out");
        }
        return format.isPresent();
    }

    private void file(Context context, WorkspaceFiles files, List<String> path) throws IOException {
        try (WorkspaceFiles.Content content = files.read(path)) {
            HttpServletResponse response = context.res();
            response.setContentType("application/octet-stream");
            response.setHeader("Content-Disposition", "attachment");
            response.setContentLengthLong(content.size());
            if (!context.req().getMethod().equals("HEAD")) {
                copy(content.bytes(), response, content.size());
            }
        }
    }

    /** A file that shrinks meanwhile ends the connection: the client sees that it has not got all. */
    private static void copy(InputStream in, HttpServletResponse response, long limit) throws IOException {
        byte[] buffer = new byte[64 * 1024];
        long left = limit;
        while (left > 0) {
            int read = in.read(buffer, 0, (int) Math.min(buffer.length, left));
            if (read < 0) {
                return;
            }
            left -= read;
            write(response, buffer, read);
        }
    }

    private static void write(HttpServletResponse response, byte[] buffer, int length) {
        try {
            OutputStream out = response.getOutputStream();
            out.write(buffer, 0, length);
        } catch (IOException e) {
            throw Replies.gone(e);
        }
    }

    private void directory(Context context, WorkspaceFiles files, List<String> path) throws IOException {
        List<Entry> entries = files.list(path, MAX_ENTRIES + 1);
        ObjectNode body = mapper.createObjectNode();
        body.put("path", String.join("/", path)).put("type", "directory");
        ArrayNode list = body.putArray("entries");
        entries.stream()
                .limit(MAX_ENTRIES)
                .forEach(entry -> list.addObject()
                        .put("name", entry.name())
                        .put("type", entry.kind().name().toLowerCase(Locale.ROOT))
                        .put("size", entry.size())
                        .put("modified_at", entry.modifiedAt())
                        .put("executable", entry.executable()));
        Replies.json(context, 200, body.put("truncated", entries.size() > MAX_ENTRIES));
    }

    private void tarDown(Context context, Tenant tenant, List<String> path) throws IOException {
        try (InputStream tar = workspaces.tarDown(tenant, path)) {
            context.res().setContentType("application/x-tar");
            context.res().setHeader("Content-Disposition", "attachment");
            if (!context.req().getMethod().equals("HEAD")) {
                copy(tar, context.res(), Long.MAX_VALUE);
            }
        }
    }
}
