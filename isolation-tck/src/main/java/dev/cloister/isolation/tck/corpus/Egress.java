package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Sign.WORD_RECEIVED;
import static dev.cloister.spi.Guarantee.NETWORK_CLOSED;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/**
 * Where a network that was opened by name ends: what leads inwards is nobody's even where everything public is open
 * ({@code EGRESS}), and where there is a list ({@code EGRESS_LISTED}), nothing but what stands on it is open.
 * {@code TCP} is a port of the host that nobody listed, {@code FAR} one that stands on the list.
 */
final class Egress {
    private static final String PROXY_CALL = """
            import os, socket, time
            word, tcp, far = os.environ["WORD"], os.environ["TCP"], os.environ["FAR"]
            def say(way, *parts):
                # In parts: a proxy answers the first before it takes the next for anything.
                line = socket.socket(socket.AF_UNIX)
                line.settimeout(3)
                try:
                    line.connect(os.environ[way])
                    for part in parts:
                        line.sendall(part if isinstance(part, bytes) else part.encode())
                        print(line.recv(65536)[:300])
                except OSError as error:
                    print(error)
                line.close()
            def tunnel(host, port=None, way="EGRESS", then=word, headers=""):
                to = "%s:%s" % (host, port or tcp)
                say(way, "CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n%s\\r\\n" % (to, to, headers), then)
            def get(url, host, way="EGRESS", method="GET", headers="", behind=""):
                say(way, "%s %s HTTP/1.1\\r\\nHost: %s\\r\\n%s\\r\\n%s" % (method, url, host, headers, behind))
            """;

    private Egress() {}

    private static final class Ways {
        private final Attacks all = new Attacks(Family.EGRESS);

        Ways add(String id, String text) {
            all.add("egress-" + id, NETWORK_CLOSED, WORD_RECEIVED, PYTHON, PROXY_CALL + text);
            return this;
        }

        /** Each spelling in a tunnel and in a plain request. */
        Ways spelled(String id, String... hosts) {
            StringBuilder text = new StringBuilder();
            for (String host : hosts) {
                text.append("tunnel(\"%1$s\"); get(\"http://%1$s:\" + tcp + \"/\" + word, \"%1$s:\" + tcp)\n"
                        .formatted(host));
            }
            return add(id, text.toString());
        }
    }

    static List<Attack> attacks() {
        return new Ways()
                .spelled("loopback", "127.0.0.1")
                .spelled("decimal", "2130706433")
                .spelled("octal", "0177.0.0.1", "00000177.0.0.1", "017700000001")
                .spelled("hexadecimal", "0x7f000001", "0x7f.0.0.1", "0x7F.1")
                .spelled("short", "127.1", "127.0.1")
                .spelled("any-address", "0.0.0.0", "0")
                .spelled("mapped", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]")
                .spelled("zone", "[::ffff:127.0.0.1%lo]", "[::ffff:127.0.0.1%25lo]")
                .spelled("localhost", "localhost", "LocalHost", "localhost.")
                .spelled("trailing-dot", "127.0.0.1.", "127.0.0.1..")
                .spelled("nul", "127.0.0.1\\0.listed.test", "inwards.test\\0listed.test")
                // Python's escapes: an argument is ASCII where the host's locale is C.
                .spelled(
                        "full-width",
                        "\\uff11\\uff12\\uff17.0.0.1",
                        "\\u2460\\u2461\\u2466.0.0.1",
                        "127\\u30020\\u30020\\u30021")
                .spelled("escaped", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "inwards%2etest")
                .spelled("user", "listed.test@127.0.0.1", "listed.test:80@127.0.0.1")
                .spelled("name-inwards", "inwards.test", "INWARDS.test.")
                .spelled("name-of-both", "both.test")
                .add("origin-form", """
                        get("/" + word, "127.0.0.1:" + tcp)
                        get("/" + word, "localhost:" + tcp)
                        """)
                .add("other-scheme", """
                        for scheme in ("https", "ftp", "HTTP", "ws", "file"):
                            get("%s://127.0.0.1:%s/%s" % (scheme, tcp, word), "127.0.0.1:" + tcp)
                        """)
                .add("host-header", """
                        get("http://listed.test:%s/%s" % (far, "x"), "127.0.0.1:%s\\r\\nX-Word: %s" % (tcp, word), "EGRESS_LISTED")
                        get("http://listed.test:%s/%s" % (far, "x"), "listed.test:%s\\r\\nHost: 127.0.0.1:%s\\r\\nX-Word: %s" % (far, tcp, word), "EGRESS_LISTED")
                        """)
                .add("pipelined", """
                        inner = "GET http://127.0.0.1:%s/%s HTTP/1.1\\r\\nHost: 127.0.0.1:%s\\r\\n\\r\\n" % (tcp, word, tcp)
                        get("http://listed.test:%s/x" % far, "listed.test:" + far, "EGRESS_LISTED", behind=inner)
                        """)
                .add("smuggled", """
                        inner = "GET http://127.0.0.1:%s/%s HTTP/1.1\\r\\nHost: 127.0.0.1:%s\\r\\n\\r\\n" % (tcp, word, tcp)
                        for headers in ("Transfer-Encoding: chunked\\r\\nContent-Length: 5\\r\\n", "Transfer-Encoding : chunked\\r\\n", "Transfer-Encoding: identity, chunked\\r\\n", "Content-Length: 0\\r\\nContent-Length: 5\\r\\n"):
                            get("http://listed.test:%s/x" % far, "listed.test:" + far, "EGRESS_LISTED", "POST", headers, "0\\r\\n\\r\\n" + inner)
                        """)
                .add("tunnel-with-body", """
                        tunnel("127.0.0.1", headers="Content-Length: %d\\r\\n" % len(word))
                        tunnel("127.0.0.1", headers="Transfer-Encoding: chunked\\r\\n")
                        """)
                .add("unlisted", """
                        asking = "GET /%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % word
                        for host in ("unlisted.test", "xlisted.test", "listed.test.elsewhere.test", "below.listed.test", "listed-test.test"):
                            tunnel(host, far, "EGRESS_LISTED", asking)
                            get("http://%s:%s/%s" % (host, far, word), host, "EGRESS_LISTED")
                        """)
                .add("unlisted-port", """
                        tunnel("listed.test", tcp, "EGRESS_LISTED")
                        get("http://listed.test:%s/%s" % (tcp, word), "listed.test", "EGRESS_LISTED")
                        """)
                .add("unlisted-path", """
                        for path in ("/%s", "/public/../%s", "/public/%%2e%%2e/%s", "/public/..%%2f%s", "/public/..\\\\%s", "//public/../%s", "/PUBLIC/%s", "/public;/../%s"):
                            get("http://paths.test:%s%s" % (far, path % word), "paths.test:" + far, "EGRESS_LISTED")
                        tunnel("paths.test", far, "EGRESS_LISTED", "GET /%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % word)
                        """)
                .add("unlisted-method", """
                        for method in ("POST", "get", "GET\\t", "DELETE"):
                            get("http://paths.test:%s/public/%s" % (far, word), "paths.test:" + far, "EGRESS_LISTED", method, "Content-Length: 0\\r\\n")
                        """)
                .add("of-another", """
                        tunnel("127.0.0.1", far, "V_EGRESS", "GET /%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % word)
                        """)
                .add("of-another-by-link", """
                        os.symlink(os.environ["V_EGRESS"], "egress-link")
                        os.environ["LINK"] = "egress-link"
                        tunnel("127.0.0.1", far, "LINK", "GET /%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % word)
                        os.unlink("egress-link")
                        """)
                .all
                .toList();
    }
}
