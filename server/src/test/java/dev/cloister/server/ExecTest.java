package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.exec.ExecEvent;
import dev.cloister.core.exec.ExecEvent.Stream;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.spi.ExitStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ExecTest {
    private static final byte[] E_ACUTE = "é".getBytes(StandardCharsets.UTF_8);
    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private static ExecEvent out(byte... bytes) {
        return new ExecEvent(Stream.STDOUT, bytes);
    }

    private static ExecEvent err(String text) {
        return new ExecEvent(Stream.STDERR, text.getBytes(StandardCharsets.UTF_8));
    }

    private Map<String, Object> run() throws Exception {
        return TestServer.object(
                server.post("/v1/exec", "{\"command\":[\"x\"]}").body());
    }

    @Test
    void answersAsAWhole() throws Exception {
        server.execs.output = List.of(out((byte) 'a', E_ACUTE[0]), err("oops"), out(E_ACUTE[1], (byte) 0xff));
        assertThat(run())
                .containsEntry("status", "exited")
                .containsEntry("exit_code", 0)
                .containsEntry("signal", null)
                .containsEntry("duration_ms", 7)
                .containsEntry("stdout", "aé\ufffd")
                .containsEntry("stdout_truncated", false)
                .containsEntry("stderr", "oops")
                .containsEntry("stderr_truncated", false);
        assertThat(server.execs.open).hasValue(0);
    }

    @Test
    void cutsLongOutputBetweenCharacters() throws Exception {
        server.execs.output = List.of(out("é".repeat(501).getBytes(StandardCharsets.UTF_8)), out((byte) 'x'));
        assertThat(run()).containsEntry("stdout", "é".repeat(500)).containsEntry("stdout_truncated", true);
        server.execs.output = List.of(out((byte) 'x'), out("é".repeat(501).getBytes(StandardCharsets.UTF_8)));
        assertThat(run()).containsEntry("stdout", "x" + "é".repeat(499)).containsEntry("stdout_truncated", true);
    }

    @Test
    void namesEveryEnding() throws Exception {
        Map<ExitStatus, String> endings = Map.of(
                new ExitStatus.Exited(3), "exited",
                new ExitStatus.Signalled(9), "signalled",
                new ExitStatus.TimedOut(), "timed_out",
                new ExitStatus.OutOfMemory(), "out_of_memory",
                new ExitStatus.Cancelled(), "cancelled");
        for (Map.Entry<ExitStatus, String> ending : endings.entrySet()) {
            server.execs.status = ending.getKey();
            assertThat(run()).containsEntry("status", ending.getValue());
        }
    }

    @Test
    void passesEverythingOn() throws Exception {
        String body = """
                {"command":["/bin/cat","-"],"stdin":"a\\u0000b","env":{"PATH":"/x","LD_PRELOAD":"y","ANTHROPIC_X":"z"},
                 "cwd":"sub/dir/","timeout_ms":1500}""";
        assertThat(server.post("/v1/exec", body).statusCode()).isEqualTo(200);
        ExecRequest request = server.execs.requests.remove();
        assertThat(request.command()).containsExactly("/bin/cat", "-");
        assertThat(request.stdin()).isEqualTo(new byte[] {'a', 0, 'b'});
        assertThat(request.env()).containsOnlyKeys("PATH", "LD_PRELOAD", "ANTHROPIC_X");
        assertThat(request.cwd()).isEqualTo("sub/dir");
        assertThat(request.timeout()).isEqualTo(Duration.ofMillis(1500));
        assertThat(request.tenant().name()).isEqualTo("a");
    }

    @Test
    void streams() throws Exception {
        server.execs.output = List.of(out(E_ACUTE[0]), err("oops\n"), out(E_ACUTE[1]), out(E_ACUTE[0]));
        String events =
                server.post("/v1/exec", "{\"command\":[\"x\"],\"stream\":true}").body();
        assertThat(events).isEqualTo("""
                        event: started
                        data: {"type":"started"}

                        event: stderr
                        data: {"type":"stderr","text":"oops\\n"}

                        event: stdout
                        data: {"type":"stdout","text":"é"}

                        event: stdout
                        data: {"type":"stdout","text":"\ufffd"}

                        event: result
                        data: {"status":"exited","exit_code":0,"signal":null,"duration_ms":7,"type":"result"}

                        """);
    }

    @Test
    void staysHealthyWhileThreeHundredStreamsAreSilent() throws Exception {
        server.execs.silent = true;
        int streams = 300;
        List<RawClient> clients = new ArrayList<>();
        try {
            for (int i = 0; i < streams; i++) {
                clients.add(server.raw().request("POST", "/v1/exec", "", "{\"command\":[\"x\"],\"stream\":true}"));
            }
            for (RawClient client : clients) {
                client.until("event: started");
            }
            assertThat(server.execs.open).hasValue(streams);
            assertThat(server.get("/healthz").statusCode()).isEqualTo(200);
            assertThat(server.execs.open).hasValue(streams);
        } finally {
            for (RawClient client : clients) {
                client.close();
            }
        }
        Await.until(() -> server.execs.open.get() == 0);
    }
}
