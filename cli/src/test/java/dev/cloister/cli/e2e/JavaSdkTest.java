package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.core.JsonValue;
import com.anthropic.core.http.Headers;
import com.anthropic.core.http.HttpResponseFor;
import com.anthropic.core.http.StreamResponse;
import com.anthropic.errors.AnthropicServiceException;
import com.anthropic.errors.BadRequestException;
import com.anthropic.errors.InternalServerException;
import com.anthropic.errors.NotFoundException;
import com.anthropic.errors.PermissionDeniedException;
import com.anthropic.errors.RateLimitException;
import com.anthropic.errors.UnauthorizedException;
import com.anthropic.errors.UnexpectedStatusCodeException;
import com.anthropic.helpers.MessageAccumulator;
import com.anthropic.models.messages.Message;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.RawMessageStreamEvent;
import com.anthropic.models.messages.StopReason;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.node.ObjectNode;

/** The official SDK for Java works against the server with nothing but its address and key changed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JavaSdkTest {
    private static final String UNKNOWN = "00000000-0000-4000-8000-000000000000";

    private TestServer server;
    private AnthropicClient client;

    @BeforeAll
    void start() throws IOException {
        // Small enough for a test that goes over it, large enough for all else.
        server = TestServer.start(Map.of("limits.body", "1MiB", "limits.prompt", "1MiB"));
        client = AnthropicOkHttpClient.builder()
                .baseUrl(server.uri("").toString())
                .apiKey("java-sdk")
                .maxRetries(0)
                .build();
    }

    @AfterAll
    void stop() throws IOException {
        client.close();
        server.close();
    }

    private static MessageCreateParams.Builder say(String text) {
        return MessageCreateParams.builder()
                .model(TestServer.MODEL)
                .maxTokens(1024)
                .addUserMessage(text);
    }

    private static ObjectNode speak(String text) {
        return TestServer.JSON.createObjectNode().put("text", text);
    }

    private static ObjectNode error(int status) {
        return TestServer.JSON.createObjectNode().put("error", status);
    }

    private static String work() {
        return TestServer.script(
                speak("I look at it first.").put("chunks", 4),
                TestServer.bash("echo from the tool"),
                speak("It is done."));
    }

    private static List<String> texts(Message message) {
        return message.content().stream().map(block -> block.asText().text()).toList();
    }

    /** Two answers of the model with a tool between them, as one message. */
    private static void assertWorked(Message message) {
        assertThat(texts(message)).hasSize(3);
        assertThat(String.join("|", texts(message)))
                .startsWith("I look at it first.|It is done.|[")
                .contains("from the tool");
        assertThat(message.stopReason()).contains(StopReason.END_TURN);
    }

    private static String only(Headers headers, String name) {
        assertThat(headers.values(name)).hasSize(1);
        return headers.values(name).getFirst();
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void createAnswersWithAMessage() {
        Message message = client.messages().create(say("hello there").build());
        assertThat(texts(message)).containsExactly("hello there");
        assertThat(message.model().asString()).isEqualTo("scripted/" + TestServer.MODEL);
        assertThat(message.stopReason()).contains(StopReason.END_TURN);
        assertThat(message.usage().inputTokens()).isPositive();
        assertThat(message.usage().outputTokens()).isPositive();
        assertThat(message.validate()).isSameAs(message);
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void anAuthTokenDoesAsWellAsAKey() {
        AnthropicClient byToken = AnthropicOkHttpClient.builder()
                .baseUrl(server.uri("").toString())
                .authToken("java-sdk")
                .build();
        try {
            assertThat(texts(byToken.messages().create(say("hello token").build())))
                    .containsExactly("hello token");
        } finally {
            byToken.close();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void createHidesTheToolsOfTheAgent() {
        assertWorked(client.messages().create(say(work()).build()));
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void createAndStreamGoOnWithASession() {
        String session;
        String firstRequest;
        try (HttpResponseFor<Message> first =
                client.messages().withRawResponse().create(say("one").build())) {
            session = only(first.headers(), "cloister-session");
            firstRequest = first.requestId().orElseThrow();
            assertThat(firstRequest).startsWith("req_");
        }
        MessageCreateParams again = say("two")
                .putAdditionalBodyProperty("session_id", JsonValue.from(session))
                .build();
        try (HttpResponseFor<Message> second =
                client.messages().withRawResponse().create(again)) {
            assertThat(only(second.headers(), "cloister-session")).isEqualTo(session);
            assertThat(second.requestId().orElseThrow()).isNotEqualTo(firstRequest);
            assertThat(texts(second.parse())).containsExactly("two");
        }
        try (HttpResponseFor<StreamResponse<RawMessageStreamEvent>> third =
                client.messages().withRawResponse().createStreaming(again)) {
            assertThat(only(third.headers(), "cloister-session")).isEqualTo(session);
            try (StreamResponse<RawMessageStreamEvent> events = third.parse()) {
                assertThat(texts(accumulated(events.stream().toList()))).containsExactly("two");
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aStreamAccumulatesToTheSameMessage() {
        List<RawMessageStreamEvent> events;
        try (StreamResponse<RawMessageStreamEvent> stream =
                client.messages().createStreaming(say(work()).build())) {
            events = stream.stream().toList();
        }
        assertWorked(accumulated(events));
        assertThat(shape(events))
                .isEqualTo("message_start"
                        + " content_block_start content_block_delta content_block_stop".repeat(3)
                        + " message_delta message_stop");
    }

    private static Message accumulated(List<RawMessageStreamEvent> events) {
        MessageAccumulator accumulator = MessageAccumulator.create();
        events.forEach(accumulator::accumulate);
        return accumulator.message();
    }

    /** The events' types, with repetitions folded. */
    private static String shape(List<RawMessageStreamEvent> events) {
        List<String> types = new ArrayList<>();
        for (RawMessageStreamEvent event : events) {
            String type = type(event);
            if (types.isEmpty() || !types.getLast().equals(type)) {
                types.add(type);
            }
        }
        return String.join(" ", types);
    }

    private static String type(RawMessageStreamEvent event) {
        Map<String, Boolean> kinds = Map.of(
                "message_start", event.isMessageStart(),
                "message_delta", event.isMessageDelta(),
                "message_stop", event.isMessageStop(),
                "content_block_start", event.isContentBlockStart(),
                "content_block_delta", event.isContentBlockDelta(),
                "content_block_stop", event.isContentBlockStop());
        return kinds.entrySet().stream()
                .filter(Map.Entry::getValue)
                .map(Map.Entry::getKey)
                .collect(Collectors.joining("+"));
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void anOverloadThatPassesIsInvisible() {
        String steps = TestServer.script(error(529).put("times", 2), speak("after all"));
        assertThat(texts(client.messages().create(say(steps).build()))).startsWith("after all");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aSessionInUseIsAConflict() {
        String steps =
                TestServer.script(speak("a long answer").put("chunks", 10).put("chunk_delay_ms", 10_000));
        try (HttpResponseFor<StreamResponse<RawMessageStreamEvent>> response = client.messages()
                        .withRawResponse()
                        .createStreaming(say(steps).build());
                StreamResponse<RawMessageStreamEvent> events = response.parse()) {
            String session = only(response.headers(), "cloister-session");
            Iterator<RawMessageStreamEvent> running = events.stream().iterator();
            assertThat(running.next().isMessageStart()).isTrue();
            MessageCreateParams meToo = say("me too")
                    .putAdditionalBodyProperty("session_id", JsonValue.from(session))
                    .build();
            Failure conflict = new Failure(
                    "session in use", UnexpectedStatusCodeException.class, 409, "conflict_error", "", meToo);
            assertFails(conflict, () -> client.messages().create(meToo));
            assertFails(conflict, () -> drain(client, meToo));
        }
    }

    /** A call that fails: with which exception, status, type of error and {@code retry-after}. */
    record Failure(
            String name,
            Class<? extends AnthropicServiceException> exception,
            int status,
            String type,
            String retryAfter,
            MessageCreateParams params) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Failure> failures() {
        return Stream.of(
                new Failure(
                        "bad request",
                        BadRequestException.class,
                        400,
                        "invalid_request_error",
                        "",
                        say("hello")
                                .putAdditionalBodyProperty("tools", JsonValue.from(List.of(Map.of("name", "mine"))))
                                .build()),
                scripted(BadRequestException.class, error(400), "invalid_request_error"),
                scripted(UnauthorizedException.class, error(401), "authentication_error"),
                scripted(PermissionDeniedException.class, error(403), "permission_error"),
                new Failure(
                        "unknown session",
                        NotFoundException.class,
                        404,
                        "not_found_error",
                        "",
                        say("hello")
                                .putAdditionalBodyProperty("session_id", JsonValue.from(UNKNOWN))
                                .build()),
                new Failure(
                        "model not offered",
                        NotFoundException.class,
                        404,
                        "not_found_error",
                        "",
                        say("hello").model("other-1").build()),
                new Failure(
                        "body over the limit",
                        UnexpectedStatusCodeException.class,
                        413,
                        "request_too_large",
                        "",
                        say("x".repeat(2 << 20)).build()),
                scripted(RateLimitException.class, error(429).put("retry_after", 1), "rate_limit_error"),
                scripted(InternalServerException.class, error(500), "api_error"),
                scripted(InternalServerException.class, error(529), "overloaded_error"));
    }

    private static Failure scripted(
            Class<? extends AnthropicServiceException> exception, ObjectNode step, String type) {
        int status = step.path("error").asInt();
        String retryAfter = step.path("retry_after").asString("");
        return new Failure(
                status + " of the upstream",
                exception,
                status,
                type,
                retryAfter,
                say(TestServer.script(step)).build());
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @MethodSource("failures")
    void createFails(Failure failure) {
        assertFails(failure, () -> client.messages().create(failure.params()));
    }

    @ParameterizedTest
    @Execution(ExecutionMode.CONCURRENT)
    @MethodSource("failures")
    void aStreamFailsBeforeItsFirstEvent(Failure failure) {
        assertFails(failure, () -> drain(client, failure.params()));
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aCallWithoutACredentialIsUnauthorized() {
        AnthropicClient nobody = AnthropicOkHttpClient.builder()
                .baseUrl(server.uri("").toString())
                .apiKey("")
                .maxRetries(0)
                .build();
        try {
            MessageCreateParams params = say("hello").build();
            Failure failure =
                    new Failure("no credential", UnauthorizedException.class, 401, "authentication_error", "", params);
            assertFails(failure, () -> nobody.messages().create(params));
            assertFails(failure, () -> drain(nobody, params));
        } finally {
            nobody.close();
        }
    }

    private static void drain(AnthropicClient client, MessageCreateParams params) {
        try (StreamResponse<RawMessageStreamEvent> stream = client.messages().createStreaming(params)) {
            stream.stream().forEach(event -> {
                throw new AssertionError("an event came: " + event);
            });
        }
    }

    private static void assertFails(Failure failure, Runnable call) {
        AnthropicServiceException thrown = catchThrowableOfType(failure.exception(), call::run);
        assertThat(thrown.statusCode()).isEqualTo(failure.status());
        Map<?, ?> body = thrown.body().convert(Map.class);
        assertThat(body.get("type")).isEqualTo("error");
        assertThat(body.get("request_id")).isEqualTo(only(thrown.headers(), "request-id"));
        assertThat((Map<?, ?>) body.get("error")).satisfies(error -> {
            assertThat(error.get("type")).isEqualTo(failure.type());
            assertThat((String) error.get("message")).isNotBlank();
        });
        assertThat(String.join(",", thrown.headers().values("retry-after"))).isEqualTo(failure.retryAfter());
    }
}
