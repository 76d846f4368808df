package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FilesTest {
    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private HttpResponse<String> put(String path, String content) throws Exception {
        return server.send(server.request(path).PUT(BodyPublishers.ofString(content)));
    }

    @Test
    void writesReadsAndDeletes() throws Exception {
        assertThat(put("/v1/files/a/b.txt", "one").statusCode()).isEqualTo(201);
        assertThat(put("/v1/files/a/b.txt", "two").statusCode()).isEqualTo(200);
        HttpResponse<String> read = server.get("/v1/files/a/b.txt");
        assertThat(read.body()).isEqualTo("two");
        assertThat(read.headers().firstValue("content-type")).contains("application/octet-stream");
        assertThat(read.headers().firstValue("content-length")).contains("3");
        assertThat(read.headers().firstValue("x-content-type-options")).contains("nosniff");
        HttpResponse<String> head =
                server.send(server.request("/v1/files/a/b.txt").method("HEAD", BodyPublishers.noBody()));
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.headers().firstValue("content-length")).contains("3");
        HttpResponse<String> deleted =
                server.send(server.request("/v1/files/a/b.txt").DELETE());
        assertThat(deleted.statusCode()).isEqualTo(204);
        assertThat(deleted.body()).isEmpty();
        assertThat(server.get("/v1/files/a/b.txt").statusCode()).isEqualTo(404);
    }

    @Test
    void decodesAPathOnce() throws Exception {
        assertThat(put("/v1/files/sp%20ace%25%C3%A9+", "x").statusCode()).isEqualTo(201);
        assertThat(server.workspaces.files).containsOnlyKeys("sp ace%é+");
        assertThat(server.get("/v1/files/sp%20ace%25%C3%A9+").body()).isEqualTo("x");
    }

    @Test
    void listsADirectory() throws Exception {
        server.workspaces.files.put("x", "123".getBytes(StandardCharsets.UTF_8));
        String entry = "{\"name\":\"x\",\"type\":\"file\",\"size\":3,\"modified_at\":1,\"executable\":false}";
        String root = "{\"path\":\"\",\"type\":\"directory\",\"entries\":[" + entry + "],\"truncated\":false}";
        assertThat(server.get("/v1/files").body()).isEqualTo(root);
        assertThat(server.get("/v1/files/").body()).isEqualTo(root);
    }

    @Test
    void packsAndUnpacks() throws Exception {
        assertThat(put("/v1/files/dir?format=tar", "stream").statusCode()).isEqualTo(200);
        assertThat(server.workspaces.files).containsOnlyKeys("dir/unpacked");
        HttpResponse<String> tar = server.get("/v1/files/dir?format=tar");
        assertThat(tar.body()).isEqualTo("dir/unpacked");
        assertThat(tar.headers().firstValue("content-type")).contains("application/x-tar");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/files/..%2fx", "/v1/files/%2fetc", "/v1/files//etc", "/v1/files/..%5cx"})
    void countsAnAttemptToLeaveTheWorkspace(String path) throws Exception {
        try (RawClient client = server.raw()) {
            assertThat(client.request("GET", path, "", "").answer().status()).isEqualTo(400);
        }
        assertThat(server.audit).containsExactly("a".repeat(32) + " violation FILES_OF_OTHERS_UNREADABLE");
        assertThat(server.send(HttpRequest.newBuilder(server.uri("/metrics"))).body())
                .contains(
                        "isolation_violations_total{guarantee=\"FILES_OF_OTHERS_UNREADABLE\",mode=\"directories\"} 1.0");
    }

    @Test
    void doesNotCountAMistake() throws Exception {
        assertThat(server.get("/v1/files/a%00b").statusCode()).isEqualTo(400);
        assertThat(server.audit).isEmpty();
    }
}
