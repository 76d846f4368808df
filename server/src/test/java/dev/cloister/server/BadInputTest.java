package dev.cloister.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every bad input gets a clear 4xx in the error shape, and a server that goes on. */
class BadInputTest {
    private static final String JSON = "content-type: application/json\r\n";
    private static final String UNKNOWN = "/v1/sessions/00000000-0000-0000-0000-000000000000";
    private static TestServer server;

    record Case(String name, String method, String target, String headers, String body, int status, String says) {
        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeAll
    static void start() throws IOException {
        server = new TestServer();
    }

    @AfterAll
    static void stop() throws IOException {
        server.close();
    }

    private static Case of(
            String name, String method, String target, String headers, String body, int status, String says) {
        return new Case(name, method, target, headers, body, status, says);
    }

    private static Case message(String name, String body, int status, String says) {
        return of(name, "POST", "/v1/messages", JSON, body, status, says);
    }

    /** A message request that is right but for the given fields. */
    private static Case field(String name, String field, String says) {
        return message(
                name,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," + field + "}",
                400,
                says);
    }

    private static Case messages(String name, String messages, String says) {
        return message(name, "{\"model\":\"m\",\"messages\":" + messages + "}", 400, says);
    }

    private static Case content(String name, String content, String says) {
        return messages(name, "[{\"role\":\"user\",\"content\":" + content + "}]", says);
    }

    private static Case exec(String name, String body, String says) {
        return of(name, "POST", "/v1/exec", JSON, body, 400, says);
    }

    private static Case file(String name, String target, int status, String says) {
        return of(name, "GET", target, "", "", status, says);
    }

    static Stream<Case> cases() {
        return Stream.of(http(), bodies(), messageFields(), conversations(), paths(), execs())
                .flatMap(cases -> cases);
    }

    private static Stream<Case> http() {
        return Stream.of(
                of("unknown path", "GET", "/v2/nothing", "", "", 404, "no such address"),
                of("root", "GET", "/", "", "", 404, "no such address"),
                of("wrong method", "GET", "/v1/messages", "", "", 405, "POST"),
                of("wrong method on a session", "PUT", UNKNOWN, "", "", 405, "DELETE, GET, HEAD"),
                of("wrong method on files", "POST", "/v1/files/a", "", "", 405, "DELETE, GET, HEAD, PUT"),
                of("method that does not exist", "BREW", "/healthz", "", "", 405, "GET, HEAD"),
                of("options", "OPTIONS", "/v1/messages", "", "", 405, "POST"),
                of("trace", "TRACE", "/v1/messages", "", "", 405, ""),
                of(
                        "other content type",
                        "POST",
                        "/v1/messages",
                        "content-type: text/plain\r\n",
                        "{}",
                        415,
                        "application/json"),
                of(
                        "other charset",
                        "POST",
                        "/v1/messages",
                        "content-type: application/json; charset=utf-16\r\n",
                        "{}",
                        415,
                        "UTF-8"),
                of(
                        "compressed body",
                        "POST",
                        "/v1/messages",
                        JSON + "content-encoding: gzip\r\n",
                        "{}",
                        415,
                        "content-encoding"),
                of(
                        "websocket",
                        "GET",
                        "/v1/messages",
                        "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
                        "",
                        404,
                        ""),
                of("two credentials", "GET", "/v1/usage", "x-api-key: other\r\n", "", 401, "different credentials"),
                of("authorization twice", "GET", "/v1/usage", "authorization: Bearer b\r\n", "", 401, "twice"),
                of("bad usage range", "GET", "/v1/usage?from=5&to=4", "", "", 400, "from"),
                of("usage from text", "GET", "/v1/usage?from=yesterday", "", "", 400, "from"),
                of("query given twice", "GET", "/v1/usage?from=1&from=2", "", "", 400, "twice"),
                of("bad percent in query", "GET", "/v1/usage?from=%zz", "", "", 400, ""),
                of("bad session id", "GET", "/v1/sessions/not-a-uuid", "", "", 400, "UUID"),
                of("session id that is a path", "GET", "/v1/sessions/%2e%2e%2fx", "", "", 400, "UUID"),
                of("unknown session", "GET", UNKNOWN, "", "", 404, "session"),
                of("events of an unknown session", "GET", UNKNOWN + "/events", "", "", 404, "session"),
                of("interrupt an unknown session", "POST", UNKNOWN + "/interrupt", "", "", 404, "session"),
                of("fork an unknown session", "POST", UNKNOWN + "/fork", "", "", 404, "session"),
                of("bad page size", "GET", "/v1/sessions?limit=0", "", "", 400, "limit"),
                of(
                        "bad event number",
                        "GET",
                        UNKNOWN + "/events",
                        "last-event-id: minus one\r\n",
                        "",
                        400,
                        "last-event-id"),
                of("unknown field of a session", "POST", "/v1/sessions", JSON, "{\"colour\":1}", 400, "colour"),
                of(
                        "chunked and a length",
                        "POST",
                        "/v1/messages",
                        JSON + "transfer-encoding: chunked\r\n",
                        "{}",
                        400,
                        ""),
                of("two lengths", "POST", "/v1/messages", JSON + "content-length: 7\r\n", "{}", 400, ""),
                of("negative length", "POST", "/v1/messages", JSON + "content-length: -1\r\n", "", 400, ""),
                of("header without a name", "GET", "/healthz", ": x\r\n", "", 400, ""),
                of("header flood", "GET", "/healthz", "x: y\r\n".repeat(5000), "", 431, "headers"),
                of("one huge header", "GET", "/healthz", "x: " + "y".repeat(40_000) + "\r\n", "", 431, "headers"),
                of("unknown expectation", "POST", "/v1/messages", "expect: miracles\r\n", "", 417, ""));
    }

    private static Stream<Case> bodies() {
        return Stream.of(
                message("no body", "", 400, "empty"),
                message("not JSON", "{\"model\":", 400, "line 1, column"),
                message("JSON with a tail", "{} {}", 400, "JSON"),
                message("a list", "[]", 400, "object"),
                message("a key twice", "{\"model\":\"a\",\"model\":\"b\"}", 400, "twice"),
                message("200 levels", "{\"messages\":" + "[".repeat(200) + "]".repeat(200) + "}", 400, "64"),
                message("NaN", "{\"model\":NaN}", 400, "line 1"),
                message("a huge number", "{\"max_tokens\":" + "9".repeat(500) + "}", 400, "limit"),
                message("over the limit", "{\"x\":\"" + "y".repeat(TestServer.MAX_BODY) + "\"}", 413, "larger than"),
                message(
                        "prompt over the limit",
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
                                + "x".repeat(TestServer.MAX_PROMPT + 1) + "\"}]}",
                        413,
                        "file of the workspace"));
    }

    private static Stream<Case> messageFields() {
        return Stream.of(
                message("model missing", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 400, "model"),
                message("messages missing", "{\"model\":\"m\"}", 400, "messages"),
                field("unknown field", "\"colour\":1", "colour"),
                field("tools", "\"tools\":[{\"name\":\"x\"}]", "agent's own"),
                field("mcp servers", "\"mcp_servers\":[{}]", "agent's own"),
                field("bad session id", "\"session_id\":\"../../etc/passwd\"", "UUID"),
                field("session id of a wrong type", "\"session_id\":5", "session_id must be a string"),
                field("stream of a wrong type", "\"stream\":\"yes\"", "stream"),
                field("max_tokens of zero", "\"max_tokens\":0", "max_tokens"),
                field("max_tokens as text", "\"max_tokens\":\"5\"", "max_tokens"),
                field("metadata of a wrong type", "\"metadata\":[]", "metadata"),
                field("unknown metadata", "\"metadata\":{\"x\":1}", "metadata.x"),
                field("system of a wrong type", "\"system\":5", "system"),
                field("system with an image", "\"system\":[{\"type\":\"image\"}]", "system[0]"));
    }

    private static Stream<Case> conversations() {
        return Stream.of(
                messages("no messages", "[]", "1 to 1000"),
                messages("messages of a wrong type", "{}", "1 to 1000"),
                messages(
                        "first by the assistant",
                        "[{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"x\"}]",
                        "first"),
                messages(
                        "last by the assistant",
                        "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"x\"}]",
                        "last"),
                messages("unknown role", "[{\"role\":\"system\",\"content\":\"x\"}]", "messages[0].role"),
                messages("message of a wrong type", "[\"x\"]", "messages[0]"),
                messages("no content", "[{\"role\":\"user\"}]", "messages[0].content"),
                messages(
                        "a tool result",
                        "[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}]",
                        "agent's own"),
                messages(
                        "a tool use in the past",
                        "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\"}]},{\"role\":\"user\",\"content\":\"x\"}]",
                        "agent's own"),
                messages(
                        "unknown field of a message",
                        "[{\"role\":\"user\",\"content\":\"x\",\"name\":\"y\"}]",
                        "messages[0].name"),
                content("empty text", "\"\"", "empty"),
                content("blank text", "\" \\n\"", "empty"),
                content("no blocks", "[]", "messages[0].content"),
                content("empty block", "[{\"type\":\"text\",\"text\":\"\"}]", "messages[0].content[0].text"),
                content("block without a type", "[{\"text\":\"x\"}]", "messages[0].content[0].type"),
                content("unknown block", "[{\"type\":\"video\"}]", "text, image and document"),
                content("image without a source", "[{\"type\":\"image\"}]", "source"),
                content(
                        "image of a wrong type",
                        "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/tiff\",\"data\":\"AA==\"}}]",
                        "image/png"),
                content(
                        "image that is not base64",
                        "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"!\"}}]",
                        "base64"),
                content(
                        "image from a file",
                        "[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"file:///etc/passwd\"}}]",
                        "https"),
                content("NUL", "\"a\\u0000b\"", "NUL"),
                content("lone surrogate", "\"a\\ud800b\"", "surrogate"),
                content("reversed surrogates", "\"\\udc00\\ud800\"", "surrogate"));
    }

    private static Stream<Case> paths() {
        return Stream.of(
                file("dot dot", "/v1/files/../secret", 400, ""),
                file("dot dot below", "/v1/files/a/../../secret", 400, ""),
                file("dot dot far up", "/v1/files/../../../../../../etc/passwd", 400, ""),
                file("encoded dots", "/v1/files/%2e%2e/secret", 400, ""),
                file("half encoded dots", "/v1/files/.%2E/secret", 400, ""),
                file("encoded slash", "/v1/files/..%2fsecret", 400, "'..'"),
                file("encoded absolute", "/v1/files/%2fetc%2fpasswd", 400, "relative"),
                file("absolute", "/v1/files//etc/passwd", 400, "relative"),
                file("empty component", "/v1/files/a//b", 400, "empty components"),
                file("single dot", "/v1/files/./a", 400, ""),
                file("encoded twice", "/v1/files/%252e%252e%252fsecret", 404, "nothing"),
                file("NUL in the path", "/v1/files/a%00b", 400, ""),
                file("newline in the path", "/v1/files/a%0ab", 400, ""),
                file("backslashes", "/v1/files/..%5c..%5csecret", 400, "backslash"),
                file("not UTF-8", "/v1/files/%ff%fe", 400, ""),
                file("overlong dots", "/v1/files/%c0%ae%c0%ae/secret", 400, ""),
                file("broken escape", "/v1/files/a%zz", 400, ""),
                file("cut escape", "/v1/files/a%2", 400, ""),
                file("path parameter", "/v1/files/..;/secret", 404, "nothing"),
                file("no such file", "/v1/files/none", 404, "nothing"),
                file("long component", "/v1/files/" + "x".repeat(256), 400, "255"),
                file("long path", "/v1/files/" + "x/".repeat(300) + "x", 414, "longer"),
                file("unknown format", "/v1/files/?format=zip", 400, "tar"),
                of("write to the workspace itself", "PUT", "/v1/files/", "", "x", 400, "name the file"),
                of("delete the workspace itself", "DELETE", "/v1/files", "", "", 400, "cannot be deleted"),
                of("delete what is not there", "DELETE", "/v1/files/none", "", "", 404, "nothing"),
                of("write outside", "PUT", "/v1/files/%2e%2e%2fx", "", "x", 400, ""),
                of("bad flag", "PUT", "/v1/files/x?executable=maybe", "", "x", 400, "executable"),
                of(
                        "file over the limit",
                        "PUT",
                        "/v1/files/x",
                        "",
                        "x".repeat(TestServer.MAX_FILE + 1),
                        413,
                        "larger"));
    }

    private static Stream<Case> execs() {
        return Stream.of(
                exec("command missing", "{}", "command"),
                exec("command as text", "{\"command\":\"ls\"}", "/bin/sh"),
                exec("no command", "{\"command\":[]}", "command"),
                exec("command of numbers", "{\"command\":[1]}", "command[0]"),
                exec("empty program", "{\"command\":[\"\"]}", "command[0]"),
                exec("NUL in an argument", "{\"command\":[\"a\\u0000\"]}", "command[0]"),
                exec("env of a wrong type", "{\"command\":[\"a\"],\"env\":[]}", "env"),
                exec("bad variable", "{\"command\":[\"a\"],\"env\":{\"A=B\":\"c\"}}", "env.A=B"),
                exec("HOME", "{\"command\":[\"a\"],\"env\":{\"HOME\":\"/\"}}", "HOME"),
                exec("variable of a number", "{\"command\":[\"a\"],\"env\":{\"A\":1}}", "env.A"),
                exec("cwd outside", "{\"command\":[\"a\"],\"cwd\":\"../x\"}", ".."),
                exec("absolute cwd", "{\"command\":[\"a\"],\"cwd\":\"/etc\"}", "relative"),
                exec("no time", "{\"command\":[\"a\"],\"timeout_ms\":0}", "timeout_ms"),
                exec("too much time", "{\"command\":[\"a\"],\"timeout_ms\":99999999999}", "timeout_ms"),
                exec("unknown field of a command", "{\"command\":[\"a\"],\"shell\":true}", "shell"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isRefusedClearly(Case bad) throws IOException {
        try (RawClient client = server.raw()) {
            RawClient.Answer answer = client.request(bad.method(), bad.target(), bad.headers(), bad.body())
                    .answer();
            assertThat(answer.status()).as(answer.body()).isEqualTo(bad.status());
            assertThat(answer.headers()).containsKey("request-id");
            assertThat(answer.headers()).containsEntry("content-type", "application/json");
            assertThat(answer.body())
                    .startsWith("{\"type\":\"error\",\"error\":{\"type\":\"")
                    .contains(bad.says())
                    .contains("\"request_id\":\"" + answer.headers().get("request-id") + "\"");
        }
    }
}
