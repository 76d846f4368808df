package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cloister.cli.wiring.DataDirectory;
import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.store.Store;
import dev.cloister.spi.IsolationMode;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import tools.jackson.databind.JsonNode;

/** Real tools in a sandbox reach by name what the operator opened in another network, and nothing else. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class EgressTest {
    private static final String PLAIN = FarServers.HOST + ":" + FarServers.PLAIN_PORT;
    private static final String SECURE = FarServers.HOST + ":" + FarServers.SECURE_PORT;

    private Path directory;
    private FarNetwork network;
    private ServerProcess server;

    @BeforeAll
    void start() throws Exception {
        try (TestServer probe = TestServer.start(Map.of())) {
            assumeTrue(probe.isolationMode() != IsolationMode.DIRECTORIES, "a mode with a network of its own");
        }
        directory = ServerProcess.directory();
        network = FarNetwork.start(Files.createDirectory(directory.resolve("far")));
        // The addresses too: they are none of the public network's.
        Path secret = Files.writeString(directory.resolve("secret"), FarServers.AUTHORIZATION + "\n");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
        String rules = """
                mode: allowlist
                rules: [%s, %s, "inwards.test:8081", "%s:%d", "%s:%d"]
                credentials: ["https://%s %s"]
                """.formatted(
                        PLAIN,
                        SECURE,
                        network.address(),
                        FarServers.PLAIN_PORT,
                        network.address(),
                        FarServers.SECURE_PORT,
                        SECURE,
                        secret);
        server = ServerProcess.start(
                CommandProcess.here(directory).in(network),
                directory,
                Map.of(
                        "egress.file",
                        Files.writeString(directory.resolve("egress.yaml"), rules)
                                .toString()));
        server.exec("a", "cat >ca.pem <<E\n" + Files.readString(network.ca()) + "E");
    }

    @AfterAll
    void stop() throws Exception {
        if (server != null) {
            server.close();
        }
        if (network != null) {
            network.close();
        }
        if (directory != null) {
            ServerProcess.remove(directory);
        }
    }

    private JsonNode exec(String script) throws Exception {
        return server.exec("a", script);
    }

    @Test
    void gitClonesOverHttpAndHttps() throws Exception {
        JsonNode clone = exec("git clone -q http://" + PLAIN + "/repo.git plain && cat plain/hello");
        assertThat(clone.path("stdout").asString()).as(clone.toString()).isEqualTo("from afar\n");
        JsonNode secureClone = exec(
                "git -c http.sslCAInfo=/workspace/ca.pem clone -q https://" + SECURE + "/repo.git s && cat s/hello");
        assertThat(secureClone.path("stdout").asString())
                .as(secureClone.toString())
                .isEqualTo("from afar\n");
    }

    @Test
    void gitClonesWhatIsPrivateWithoutEverSeeingTheSecret() throws Exception {
        String url = "https://" + SECURE + "/private/repo.git";
        JsonNode clone =
                exec("git clone -q " + url + " private && cat private/hello && cd private && git remote get-url origin"
                        + " && env && cat .git/config && cat /proc/self/environ");
        assertThat(clone.path("stdout").asString()).as(clone.toString()).startsWith("from afar\n");
        assertThat(clone.toString()).doesNotContain(FarServers.AUTHORIZATION.split(" ", -1)[1], "the-hosts-secret");
        JsonNode push = exec("cd private && head -c 3000000 /dev/urandom >big && git add big"
                + " && git -c user.name=a -c user.email=a@b.c commit -qm more && git push -q origin HEAD:refs/heads/more"
                + " && git ls-remote -q origin refs/heads/more");
        assertThat(push.path("stdout").asString()).as(push.toString()).endsWith("refs/heads/more\n");

        JsonNode tunnelled = exec("git -c http.sslCAInfo=/workspace/ca.pem -c core.askPass=true ls-remote " + url
                + " 2>&1; curl -sS --cacert ca.pem -o /dev/null -w '%{http_code}' " + url + "/info/refs");
        assertThat(tunnelled.path("stdout").asString())
                .as("a tunnel gets nothing added")
                .endsWith("401");
    }

    @Test
    void aTenantKeepsItsOwnSecretWhereItsSandboxCannotReadIt() throws Exception {
        String url = "https://" + SECURE + "/private/repo.git";
        // The operator's is the right one, the tenant's own comes first.
        assertThat(put("c", "Basic d3Jvbmc=").statusCode()).isEqualTo(204);
        assertThat(server.exec("c", "GIT_TERMINAL_PROMPT=0 git ls-remote " + url)
                        .path("exit_code")
                        .asInt())
                .isNotZero();
        assertThat(put("c", FarServers.AUTHORIZATION).statusCode()).isEqualTo(204);
        JsonNode clone = server.exec("c", "git clone -q " + url + " private && cat private/hello; env");
        assertThat(clone.path("stdout").asString()).as(clone.toString()).startsWith("from afar\n");
        assertThat(clone.toString()).doesNotContain(FarServers.AUTHORIZATION.split(" ", -1)[1]);
        assertThat(server.get("c", "/v1/credentials").body())
                .contains("\"host\":\"" + SECURE + "\"")
                .doesNotContain("Basic");
        assertThat(server.get("a", "/v1/credentials").body()).isEqualTo("{\"data\":[]}");
        assertThat(Files.readString(directory.resolve("d/cloister.db"), StandardCharsets.ISO_8859_1)
                        + Files.readString(directory.resolve("d/cloister.db-wal"), StandardCharsets.ISO_8859_1))
                .contains(SECURE)
                .doesNotContain(FarServers.AUTHORIZATION);
    }

    private HttpResponse<String> put(String token, String authorization) throws Exception {
        return server.send("PUT", token, "/v1/credentials/" + SECURE, "{\"authorization\":\"" + authorization + "\"}");
    }

    @Test
    void npmInstallsFromARegistry() throws Exception {
        JsonNode install = exec(
                "mkdir -p n && cd n && npm init -y >/dev/null && npm install --no-audit --no-fund --registry http://"
                        + PLAIN + "/registry/ far && node -p \"require('far')\"");
        assertThat(install.path("stdout").asString()).as(install.toString()).endsWith("from afar\n");
    }

    @Test
    void pipInstallsFromAnIndex() throws Exception {
        JsonNode install =
                exec("/usr/bin/python3 -m pip install -q --disable-pip-version-check --target t --index-url http://"
                        + PLAIN + "/simple --trusted-host " + FarServers.HOST
                        + " far && PYTHONPATH=t /usr/bin/python3 -c 'import far'");
        assertThat(install.path("stdout").asString()).as(install.toString()).isEqualTo("from afar\n");
    }

    /** Maven takes no plain HTTP but from a mirror that somebody has named. */
    @Test
    void mavenResolvesFromARepository() throws Exception {
        JsonNode build = exec("""
                mkdir -p m && cd m && cat >settings.xml <<E
                <settings><mirrors><mirror><id>far</id><mirrorOf>*</mirrorOf><url>http://%s/maven</url></mirror></mirrors></settings>
                E
                cat >pom.xml <<E
                <project>
                  <modelVersion>4.0.0</modelVersion>
                  <parent><groupId>far</groupId><artifactId>parent</artifactId><version>1.0</version><relativePath/></parent>
                  <artifactId>near</artifactId>
                  <packaging>pom</packaging>
                </project>
                E
                mvn -B -q -s settings.xml -Dmaven.repo.local=repo validate && ls repo/far/parent/1.0/parent-1.0.pom""".formatted(PLAIN));
        assertThat(build.path("stdout").asString())
                .as(build.toString())
                .endsWith("repo/far/parent/1.0/parent-1.0.pom\n");
    }

    @Test
    void curlReachesWhatIsListedAndIsToldWhatIsNot() throws Exception {
        assertThat(exec("curl -sS http://" + PLAIN + "/").path("stdout").asString())
                .isEqualTo("hello");
        assertThat(exec("curl -sS --cacert ca.pem https://" + SECURE + "/")
                        .path("stdout")
                        .asString())
                .isEqualTo("hello");
        JsonNode denied = exec("time -p curl -sS http://other.example/");
        assertThat(denied.path("stdout").asString())
                .contains("other.example:80", "egress.rules", "\"other.example:80\"");
        JsonNode tunnel = exec("curl -sSv https://other.example/ 2>&1");
        assertThat(tunnel.path("stdout").asString()).contains("403", "\"other.example\" to egress.rules");
        JsonNode moved = exec("curl -sSL http://" + PLAIN + "/away");
        assertThat(moved.path("stdout").asString()).contains("elsewhere.test", "egress.rules");
    }

    @Test
    void pythonGoesTheSameWay() throws Exception {
        assertThat(exec("python3 -c 'import urllib.request as u; print(u.urlopen(\"http://" + PLAIN
                                + "/\").read().decode())'")
                        .path("stdout")
                        .asString())
                .isEqualTo("hello\n");
    }

    @Test
    void nothingGoesAroundTheProxy() throws Exception {
        JsonNode around = exec("curl -sS -m 5 --noproxy '*' http://" + PLAIN + "/; curl -sS -m 5 --noproxy '*' http://"
                + SECURE + "/; getent hosts other.example");
        assertThat(around.path("stdout").asString()).isEmpty();
        assertThat(around.path("exit_code").asInt()).isNotZero();
    }

    @Test
    void theAgentsToolsAreBehindItToo() throws Exception {
        JsonNode results = server.play("a", TestServer.bash("curl -sS http://" + PLAIN + "/"));
        assertThat(results.path(0).path("content").asString()).isEqualTo("hello");
    }

    /** The agent has settings of its own for git, and these must not stand in the place of the proxy's. */
    @Test
    void theAgentsGitClonesWhatIsPrivate() throws Exception {
        JsonNode results = server.play(
                "d",
                TestServer.bash("git clone -q https://" + SECURE + "/private/repo.git private && cat private/hello"));
        assertThat(results.path(0).path("content").asString()).isEqualTo("from afar");
    }

    @Test
    void aNameThatLeadsInwardsIsRefusedUnlessItsAddressIsListed() throws Exception {
        assertThat(exec("curl -sS http://inwards.test:8081/").path("stdout").asString())
                .contains("its address is not a public one")
                .doesNotContain(network.address());
    }

    @Test
    @Order(Integer.MAX_VALUE)
    void whatWasUsedIsInMetricsAndAudit() throws Exception {
        String before = server.get("a", "/metrics").body();
        assertThat(server.exec("b", "curl -sS http://" + PLAIN + "/; curl -sS http://other.example/")
                        .path("stdout")
                        .asString())
                .startsWith("hello");
        String after = server.get("a", "/metrics").body();
        for (String counter : List.of(
                "egress_requests_total{outcome=\"listed\"}",
                "egress_requests_total{outcome=\"unlisted\"}",
                "egress_bytes_in_total")) {
            assertThat(value(after, counter)).as(counter).isGreaterThan(value(before, counter));
        }
        server.close();
        try (Store store = DataDirectory.open(directory.resolve("d")).store()) {
            List<String> written = store.audit(0, 10_000).stream()
                    .map(AuditEntry::action)
                    .filter(action -> action.startsWith("egress."))
                    .distinct()
                    .toList();
            assertThat(written).contains("egress.denied", "egress.used");
        }
    }

    private static double value(String metrics, String counter) {
        return metrics.lines()
                .filter(line -> line.startsWith(counter + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(counter.length() + 1)))
                .sum();
    }
}
