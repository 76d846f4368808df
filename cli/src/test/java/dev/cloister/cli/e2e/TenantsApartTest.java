package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;

/** What one tenant makes, another can neither list nor read: by the files API, by a command, by the agent. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TenantsApartTest {
    private TestServer server;

    @BeforeAll
    void start() throws Exception {
        server = TestServer.start(Map.of());
    }

    @AfterAll
    void stop() throws Exception {
        server.close();
    }

    @Test
    void aFileOfOneIsNowhereForTheOther() throws Exception {
        assertThat(server.send("PUT", "a", "/v1/files/notes/plan.txt", "the plan")
                        .statusCode())
                .isEqualTo(201);
        assertThat(server.get("a", "/v1/files/notes/plan.txt").body()).isEqualTo("the plan");
        String work = server.treeWith("work/notes/plan.txt").resolve("work").toString();

        assertThat(server.get("b", "/v1/files/notes/plan.txt").statusCode()).isEqualTo(404);
        assertThat(server.get("b", "/v1/files/").body()).doesNotContain("notes");
        JsonNode byCommand = server.exec("b", "cat " + work + "/notes/plan.txt; ls -R " + work);
        assertThat(byCommand.path("stdout").asString()).isEmpty();
        assertThat(byCommand.path("stderr").asString()).containsAnyOf("Permission denied", "No such file");
        JsonNode byAgent = server.play(
                "b",
                TestServer.read(work + "/notes/plan.txt"),
                TestServer.bash("cat " + work + "/notes/plan.txt"),
                TestServer.bash("ls " + work));
        assertThat(byAgent.size()).isEqualTo(3);
        for (JsonNode result : byAgent) {
            assertThat(result.path("is_error").asBoolean()).isTrue();
            assertThat(result.path("content").asString())
                    .doesNotContain("the plan")
                    .doesNotContain("notes\n");
        }
    }
}
