package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.socket.UnixClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Channels that come and go while others serve. */
@Timeout(30)
class BrokerLifeTest {
    private static final String SSE = "text/event-stream";

    private final FakeUpstream upstream = new FakeUpstream();
    private BrokerFixture fixture;

    @BeforeEach
    void open() throws IOException {
        fixture = new BrokerFixture();
    }

    @AfterEach
    void close() throws IOException {
        fixture.close();
    }

    private double open(String gauge) {
        return fixture.registry.get(gauge).gauge().value();
    }

    @Test
    void closesTheSocketFileToStrangers() throws IOException {
        Path socket = fixture.socket("s");
        try (BrokerChannel channel = fixture.open(socket, upstream)) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-rw----");
            assertThat(channel.used().calls()).isZero();
            assertThat(open("broker_sockets_open")).isEqualTo(1);
        }
        assertThat(socket).doesNotExist();
        assertThat(open("broker_sockets_open")).isZero();
    }

    @Test
    void refusesAPathThatIsTooLong() {
        Path socket =
                fixture.socket("s".repeat(107 - fixture.directory.toString().length() - 1));
        assertThat(socket.toString()).hasSize(107);
        assertThatThrownBy(() -> fixture.open(socket, upstream))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INTERNAL))
                .hasMessageContaining("107 bytes")
                .hasMessageContaining("106");
    }

    @Test
    void bindsTheLongestPath() throws IOException {
        Path socket =
                fixture.socket("s".repeat(106 - fixture.directory.toString().length() - 1));
        try (BrokerChannel channel = fixture.open(socket, upstream)) {
            assertThat(UnixClient.call(socket, BrokerFixture.post()).status()).isEqualTo(200);
            assertThat(channel.lastFailure()).isEmpty();
        }
    }

    @Test
    void leavesAnotherChannelsSocketAlone() throws IOException {
        Path socket = fixture.socket("s");
        try (BrokerChannel first = fixture.open(socket, upstream)) {
            assertThatThrownBy(() -> fixture.open(socket, upstream)).isInstanceOf(CloisterException.class);
            assertThat(UnixClient.call(socket, BrokerFixture.post()).status()).isEqualTo(200);
            assertThat(first.used().calls()).isEqualTo(1);
            assertThat(open("broker_sockets_open")).isEqualTo(1);
        }
    }

    @Test
    void needsTheDirectory() {
        assertThatThrownBy(() -> fixture.open(fixture.socket("missing/s"), upstream))
                .isInstanceOf(CloisterException.class);
    }

    @Test
    void cutsAStreamWhenItsChannelCloses() throws Exception {
        Path socket = fixture.socket("s");
        BrokerChannel channel = fixture.open(socket, upstream);
        FakeUpstream.Fed body = new FakeUpstream.Fed();
        upstream.answers(body, SSE);
        try (UnixClient client = new UnixClient(socket)) {
            client.send(BrokerFixture.post());
            client.head();
            body.pieces.add("data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\n\n");
            assertThat(client.chunk()).contains("message_start");
            channel.close();
            channel.close();
            assertThatThrownBy(client::chunk).isInstanceOf(IOException.class);
        }
        body.closed.await();
        assertThat(socket).doesNotExist();
        awaitUsage(1);
        assertThat(fixture.usage.getFirst().inputTokens()).isEqualTo(3);
        assertThatThrownBy(() -> UnixClient.call(socket, BrokerFixture.post())).isInstanceOf(IOException.class);
    }

    /** The record is written by the call's own thread, which may still be on its way. */
    private void awaitUsage(int count) throws InterruptedException {
        while (fixture.usage.size() < count) {
            Thread.sleep(1);
        }
    }

    @Test
    void cutsACallThatWaitsForTheUpstream() throws Exception {
        Path socket = fixture.socket("s");
        BrokerChannel channel = fixture.open(socket, upstream);
        upstream.hangs();
        try (UnixClient client = new UnixClient(socket)) {
            client.send(BrokerFixture.post());
            upstream.hanging.await();
            channel.close();
            assertThat(endsWithoutAnAnswer(client)).isTrue();
        }
        assertThat(fixture.usage).isEmpty();
        assertThat(socket).doesNotExist();
    }

    /** The error may or may not be written before the connection is closed. */
    private static boolean endsWithoutAnAnswer(UnixClient client) {
        try {
            return client.answer().status() == 500;
        } catch (IOException e) {
            return true;
        }
    }

    @Test
    void endsTheUpstreamsAnswerWhenTheClientIsGone() throws Exception {
        Path socket = fixture.socket("s");
        try (BrokerChannel channel = fixture.open(socket, upstream)) {
            FakeUpstream.Fed body = new FakeUpstream.Fed();
            upstream.answers(body, SSE);
            try (UnixClient client = new UnixClient(socket)) {
                client.send(BrokerFixture.post());
                client.head();
            }
            while (body.closed.getCount() > 0) {
                body.pieces.add(": ping\n\n");
                Thread.sleep(1);
            }
            awaitUsage(1);
            assertThat(channel.used().calls()).isEqualTo(1);
        }
    }

    @Test
    void letsTheUpstreamThinkForLongerThanAConnectionMayIdle() throws Exception {
        // Long beside what a write takes on a busy machine: one that is under way when a connection has idled is cut.
        try (BrokerFixture impatient = new BrokerFixture(Duration.ofMillis(500))) {
            Path socket = impatient.socket("s");
            BrokerChannel channel = impatient.open(socket, upstream);
            FakeUpstream.Fed body = new FakeUpstream.Fed();
            upstream.answers(body, SSE);
            try (UnixClient client = new UnixClient(socket);
                    UnixClient stalled = new UnixClient(socket)) {
                client.send(BrokerFixture.post());
                client.head();
                stalled.send("POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
                // When the server has given the stalled upload up, the other call has been silent for as long.
                assertThat(stalled.answer().status()).isGreaterThanOrEqualTo(400);
                body.pieces.add("data: 1\n\n");
                assertThat(client.chunk()).isEqualTo("data: 1\n\n");
                body.pieces.add("");
                assertThat(client.chunk()).isEmpty();
            }
            assertThat(channel.used().calls()).isEqualTo(1);
        }
    }

    @Test
    void boundsCallsAtOnce() throws Exception {
        Path socket = fixture.socket("s");
        try (BrokerChannel channel = fixture.open(socket, upstream)) {
            List<UnixClient> clients = new ArrayList<>();
            FakeUpstream.Fed body = new FakeUpstream.Fed();
            upstream.answers(body, SSE);
            for (int i = 0; i < 16; i++) {
                UnixClient client = new UnixClient(socket);
                clients.add(client);
                client.send(BrokerFixture.post());
                assertThat(client.head().status()).isEqualTo(200);
            }
            UnixClient.Answer refused = UnixClient.call(socket, BrokerFixture.post());
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.headers()).containsKey("retry-after");
            assertThat(channel.lastFailure().orElseThrow().code()).isEqualTo(ErrorCode.RATE_LIMITED);
            for (UnixClient client : clients) {
                client.close();
            }
        }
    }

    @Test
    void servesManySessionsAtOnceWithoutMixingThem() throws Exception {
        int count = 400;
        List<FakeUpstream> upstreams = new ArrayList<>();
        List<BrokerChannel> channels = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            FakeUpstream own = new FakeUpstream();
            own.answers(200, Map.of("content-type", "application/json"), "{\"n\":" + i + "}");
            upstreams.add(own);
            channels.add(fixture.open(fixture.socket("s" + i), own));
        }
        for (int i = 0; i < count; i++) {
            assertThat(UnixClient.call(fixture.socket("s" + i), BrokerFixture.post())
                            .body())
                    .isEqualTo("{\"n\":" + i + "}");
        }
        assertThat(upstreams).allSatisfy(own -> assertThat(own.requests()).hasSize(1));
        assertThat(channels)
                .allSatisfy(channel -> assertThat(channel.used().calls()).isEqualTo(1));
        fixture.broker.close();
        assertThat(fixture.directory).isEmptyDirectory();
        assertThatThrownBy(() -> fixture.open(fixture.socket("late"), upstream)).isInstanceOf(CloisterException.class);
        assertThat(fixture.directory).isEmptyDirectory();
    }
}
