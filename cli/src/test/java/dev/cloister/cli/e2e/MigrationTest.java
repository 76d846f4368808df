package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.cli.wiring.LayoutMigration;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.workspace.TranscriptMove;
import dev.cloister.spi.IsolationMode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A session of the real agent moves between modes with its history. */
class MigrationTest {
    private static final String TOKEN = "migration";
    private static final Map<String, String> DIRECTORIES = Map.of("isolation.mode", "directories");
    private static final Map<String, String> NAMESPACES = Map.of("isolation.mode", "namespaces");

    private static void assertRemembers(
            RecordingUpstream upstream, TestServer server, String session, String question, String... history)
            throws Exception {
        upstream.forget();
        assertThat(TestServer.text(server.say(TOKEN, session, question))).isEqualTo(question);
        assertThat(upstream.last().body()).contains(history);
    }

    private static TranscriptMove onlyMove(TestServer server, IsolationMode to, boolean dryRun) {
        List<LayoutMigration.Row> rows = LayoutMigration.run(server.configuration(), to, dryRun, (done, all) -> {})
                .rows();
        assertThat(rows).hasSize(1);
        return rows.getFirst().transcripts();
    }

    @Test
    void aSessionGoesOnInAnotherModeAndBack() throws Exception {
        try (RecordingUpstream upstream = RecordingUpstream.start();
                TestServer server =
                        TestServer.start(Map.of("upstream.url", upstream.url(), "isolation.mode", "directories"))) {
            String session = TestServer.session(server.say(TOKEN, "remember the word heliotrope"));
            assertThatThrownBy(() -> onlyMove(server, IsolationMode.NAMESPACES, false))
                    .isInstanceOfSatisfying(
                            CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));

            server.stop();
            assertThatThrownBy(() -> server.startWith(NAMESPACES))
                    .hasMessageContaining("cloister migrate --to namespaces")
                    .hasMessageContaining("--isolation directories");
            assertThatThrownBy(() -> server.startWith(Map.of("isolation.mode", "auto")))
                    .hasMessageContaining("cloister migrate --to namespaces");

            assertThat(onlyMove(server, IsolationMode.NAMESPACES, true)).isEqualTo(new TranscriptMove.Renamed());
            assertThat(onlyMove(server, IsolationMode.NAMESPACES, false)).isEqualTo(new TranscriptMove.Renamed());
            assertThat(onlyMove(server, IsolationMode.NAMESPACES, false)).isEqualTo(new TranscriptMove.Nothing());
            server.startWith(NAMESPACES);
            assertRemembers(upstream, server, session, "which word?", "remember the word heliotrope");

            server.stop();
            assertThatThrownBy(() -> server.startWith(DIRECTORIES))
                    .hasMessageContaining("cloister migrate --to directories")
                    .hasMessageContaining("--isolation namespaces");
            assertThat(onlyMove(server, IsolationMode.DIRECTORIES, false)).isEqualTo(new TranscriptMove.Renamed());
            server.startWith(DIRECTORIES);
            assertRemembers(upstream, server, session, "and again?", "remember the word heliotrope", "which word?");
            assertThat(server.get(TOKEN, "/v1/sessions/" + session).body()).contains("\"turns\":3");
        }
    }
}
