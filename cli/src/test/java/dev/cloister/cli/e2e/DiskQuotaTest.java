package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.Tenancy;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** A tenant that fills its disk fills nobody else's, sees why, and can mend it. */
@EnabledIf("isRoot")
class DiskQuotaTest {
    static boolean isRoot() {
        return HostFacts.defaults().isRoot();
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "directories"})
    void beyondTheQuotaThereIsNoSpaceForThisTenantAlone(String mode) throws Exception {
        Path workspaces;
        try (TestServer server = TestServer.start(Map.of("workspace.quota", "64MiB", "isolation.mode", mode))) {
            workspaces = server.workspaces();
            assertThat(server.send("PUT", "a", "/v1/files/d/plan", "the plan").statusCode())
                    .isEqualTo(201);
            JsonNode full = server.exec("a", "dd if=/dev/zero of=big bs=1M count=100");
            assertThat(full.path("exit_code").asInt()).isNotZero();
            assertThat(full.path("stderr").asString()).contains("No space left on device");
            assertThat(server.send("PUT", "a", "/v1/files/more", "x".repeat(1 << 20))
                            .body())
                    .contains("workspace.quota");

            assertThat(server.exec("b", "dd if=/dev/zero of=f bs=1M count=20")
                            .path("exit_code")
                            .asInt())
                    .isZero();
            assertThat(server.send("DELETE", "a", "/v1/files/big", "").statusCode())
                    .isEqualTo(204);
            assertThat(server.exec("a", "dd if=/dev/zero of=big bs=1M count=20 && cat d/plan")
                            .path("stdout")
                            .asString())
                    .isEqualTo("the plan");
            assertThat(server.play("a", TestServer.bash("ls"))
                            .path(0)
                            .path("content")
                            .asString())
                    .contains("big");

            server.restart();
            assertThat(server.get("a", "/v1/files/d/plan").body()).isEqualTo("the plan");
            try (Tenancy tenancy = Tenancy.open(server.configuration())) {
                tenancy.list().forEach(tenant -> tenancy.remove(tenant.id()));
            }
            try (var images = Files.list(workspaces.resolve("images"))) {
                // The trial turn's tenant is not one of the store's.
                assertThat(images).containsExactly(workspaces.resolve("images/" + "0".repeat(32) + ".ext4"));
            }
        }
        assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(workspaces.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "directories"})
    void archivesGoUpAndDown(String mode) throws Exception {
        try (TestServer server = TestServer.start(Map.of("workspace.quota", "32MiB", "isolation.mode", mode))) {
            server.exec("a", "mkdir -p d/e && echo deep >d/e/f");
            byte[] archive = server.http()
                    .send(server.request("a", "/v1/files/d?format=tar").GET().build(), BodyHandlers.ofByteArray())
                    .body();
            assertThat(server.http()
                            .send(
                                    server.request("b", "/v1/files/copy?format=tar")
                                            .header("content-type", "application/x-tar")
                                            .PUT(BodyPublishers.ofByteArray(archive))
                                            .build(),
                                    BodyHandlers.ofString())
                            .statusCode())
                    .isBetween(200, 204);
            assertThat(server.get("b", "/v1/files/copy/e/f").body()).isEqualTo("deep\n");
        }
    }
}
