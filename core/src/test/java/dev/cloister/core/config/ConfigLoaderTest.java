package dev.cloister.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.cloister.core.config.CloisterConfig.Admission;
import dev.cloister.core.config.CloisterConfig.CredentialSource;
import dev.cloister.core.config.CloisterConfig.IdentityMode;
import dev.cloister.core.config.CloisterConfig.LogLevel;
import dev.cloister.core.config.CloisterConfig.Price;
import dev.cloister.core.config.CloisterConfig.UidRange;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {
    private static final HostDefaults USER = new HostDefaults(false, Path.of("/home/ada"), Optional.empty(), 8L << 30);
    private static final HostDefaults ROOT =
            new HostDefaults(true, Path.of("/root"), Optional.of(Path.of("/run")), 8L << 30);

    @TempDir
    Path directory;

    private CloisterConfig loadFile(String yaml) throws IOException {
        return ConfigLoader.load(Optional.of(write(yaml)), Map.of(), Map.of(), USER);
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("cloister.yaml"), yaml);
    }

    private static CloisterConfig loadEnvironment(Map<String, String> environment) {
        return ConfigLoader.load(Optional.empty(), environment, Map.of(), USER);
    }

    private static CloisterConfig loadOptions(Map<String, String> options) {
        return ConfigLoader.load(Optional.empty(), Map.of(), options, USER);
    }

    private String problemsOfFile(String yaml) {
        return String.valueOf(catchThrowableOfType(CloisterException.class, () -> loadFile(yaml))
                .getMessage());
    }

    private static String problemsOfOptions(Map<String, String> options) {
        return String.valueOf(catchThrowableOfType(CloisterException.class, () -> loadOptions(options))
                .getMessage());
    }

    @Test
    void defaultsOfAnOrdinaryUser() {
        CloisterConfig config = loadOptions(Map.of());
        assertThat(config.http()).isEqualTo(new CloisterConfig.Http("127.0.0.1", 8484, Duration.ofSeconds(5), false));
        assertThat(config.paths().data()).isEqualTo(Path.of("/home/ada/.local/share/cloister"));
        assertThat(config.paths().workspaces()).isEqualTo(Path.of("/home/ada/.local/share/cloister-workspaces"));
        assertThat(config.tenants().uidRange()).isEmpty();
        assertThat(config.isolation().mode()).isEmpty();
        assertThat(config.upstream().url()).contains(URI.create("https://api.anthropic.com"));
        assertThat(config.upstream().credentialFile()).isEmpty();
        assertThat(config.models().allowed()).containsExactly("claude-*");
        assertThat(config.models().prices())
                .containsExactly(
                        new Price("claude-opus-*", 5, 25),
                        new Price("claude-sonnet-*", 3, 15),
                        new Price("claude-haiku-*", 1, 5));
        assertThat(config.agent())
                .isEqualTo(new CloisterConfig.Agent(
                        Optional.empty(),
                        200,
                        Duration.ofMinutes(30),
                        2,
                        CloisterConfig.Prewarm.SESSION,
                        Duration.ofMinutes(10),
                        4,
                        6L << 30));
        assertThat(config.policy().allow()).isEmpty();
        assertThat(config.limits())
                .isEqualTo(new CloisterConfig.Limits(
                        16 << 20,
                        4 << 20,
                        256 << 20,
                        16 << 10,
                        1024,
                        100,
                        Duration.ofSeconds(30),
                        32,
                        8,
                        256,
                        16,
                        Duration.ofSeconds(20),
                        2048,
                        512,
                        Duration.ofMinutes(10),
                        8 << 20));
        assertThat(config.log().level()).isEqualTo(LogLevel.INFO);
    }

    @Test
    void defaultsOfRoot() {
        CloisterConfig config = ConfigLoader.load(Optional.empty(), Map.of(), Map.of(), ROOT);
        assertThat(config.paths().data()).isEqualTo(Path.of("/var/lib/cloister"));
        assertThat(config.paths().workspaces()).isEqualTo(Path.of("/var/lib/cloister-workspaces"));
        assertThat(config.paths().run().getParent()).isEqualTo(Path.of("/run"));
        assertThat(config.paths().run().getFileName().toString()).matches("cloister-[0-9a-f]{8}");
    }

    @Test
    void whatRunsIsKeptInMemoryForEachServerApartOrElseInTheWorkspaces() {
        Path first = ConfigLoader.load(Optional.empty(), Map.of(), Map.of("data", "/srv/a"), ROOT)
                .paths()
                .run();
        Path second = ConfigLoader.load(Optional.empty(), Map.of(), Map.of("data", "/srv/b"), ROOT)
                .paths()
                .run();
        assertThat(first).isNotEqualTo(second);
        assertThat(first.getParent()).isEqualTo(Path.of("/run"));
        assertThat(loadOptions(Map.of("data", "/srv/c")).paths().run()).isEqualTo(Path.of("/srv/c-workspaces/run"));
        assertThat(loadOptions(Map.of("data", "/srv/c")).isolation().microVm().images())
                .isEqualTo(Path.of("/srv/c-workspaces/vm"));
        assertThat(loadOptions(Map.of("run", "/srv/r")).paths().run()).isEqualTo(Path.of("/srv/r"));
        assertThatThrownBy(() -> loadOptions(Map.of("data", "/srv/c", "run", "/srv/c/run")))
                .hasMessageContaining("run: /srv/c/run lies within data");
    }

    @Test
    void workspacesFollowData() {
        assertThat(loadOptions(Map.of("data", "/srv/c")).paths().workspaces()).isEqualTo(Path.of("/srv/c-workspaces"));
    }

    @Test
    void laterSourcesWin() throws IOException {
        Path file = write("port: 1\nlimits.turns: 11\nsessions.per-tenant: 21\nheartbeat: 1s\n");
        CloisterConfig config = ConfigLoader.load(
                Optional.of(file),
                Map.of("CLOISTER_PORT", "2", "CLOISTER_LIMITS_TURNS", "12", "PATH", "/bin"),
                Map.of("port", "3"),
                USER);
        assertThat(config.http().port()).isEqualTo(3);
        assertThat(config.limits().turns()).isEqualTo(12);
        assertThat(config.sessions().perTenant()).isEqualTo(21);
        assertThat(config.http().heartbeat()).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void everySourceSetsEveryKindOfValue() throws IOException {
        CloisterConfig config = loadFile("""
                host: "::1"
                identity: {mode: keys, admission: closed}
                tenants.uid-range: 200000-265533
                isolation:
                  mode: directories
                  accept-weak: true
                  require: [FILES_OF_OTHERS_UNREADABLE, CREDENTIAL_NEVER_INSIDE]
                upstream:
                  url: https://gateway.example:8443/anthropic
                  credential: operator
                  credential-file: key
                  credential-kind: api-key
                models:
                  allowed:
                    - claude-sonnet-*
                    - claude-haiku-4-5
                  prices: ["*=1.5/7.25"]
                policy.allow: Bash(git log:*, --oneline), WebFetch
                agent.executable: ~/bin/claude
                """);
        assertThat(config.http().host()).isEqualTo("::1");
        assertThat(config.identity()).isEqualTo(new CloisterConfig.Identity(IdentityMode.KEYS, Admission.CLOSED));
        assertThat(config.tenants().uidRange()).contains(new UidRange(200_000, 265_533));
        assertThat(config.isolation().mode()).contains(IsolationMode.DIRECTORIES);
        assertThat(config.isolation().acceptWeak()).isTrue();
        assertThat(config.isolation().require())
                .containsExactlyInAnyOrder(Guarantee.FILES_OF_OTHERS_UNREADABLE, Guarantee.CREDENTIAL_NEVER_INSIDE);
        assertThat(config.upstream().url()).contains(URI.create("https://gateway.example:8443/anthropic"));
        assertThat(config.upstream().credential()).isEqualTo(CredentialSource.OPERATOR);
        assertThat(config.upstream().credentialFile()).contains(directory.resolve("key"));
        assertThat(config.upstream().credentialKind()).contains(Credential.Kind.API_KEY);
        assertThat(config.models().allowed()).containsExactly("claude-sonnet-*", "claude-haiku-4-5");
        assertThat(config.models().prices()).containsExactly(new Price("*", 1.5, 7.25));
        assertThat(config.policy().allow()).containsExactly("Bash(git log:*, --oneline)", "WebFetch");
        assertThat(config.agent().executable()).contains(Path.of("/home/ada/bin/claude"));
    }

    @Test
    void wordsThatStandForNothingGiven() {
        CloisterConfig config = loadEnvironment(Map.of(
                "CLOISTER_UPSTREAM_URL", "scripted",
                "CLOISTER_ISOLATION_MODE", "auto",
                "CLOISTER_TENANTS_UID_RANGE", "auto",
                "CLOISTER_UPSTREAM_CREDENTIAL_KIND", "auto"));
        assertThat(config.upstream().url()).isEmpty();
        assertThat(config.isolation().mode()).isEmpty();
        assertThat(config.tenants().uidRange()).isEmpty();
        assertThat(config.upstream().credentialKind()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "# nothing\n", "---\n", "null\n"})
    void anEmptyFileIsAllDefaults(String yaml) throws IOException {
        assertThat(loadFile(yaml)).isEqualTo(loadOptions(Map.of()));
    }

    @Test
    void theInstalledAgentHoldsOnlyWhereNobodyNamesAnother() throws IOException {
        Map<String, String> environment = Map.of("CLOISTER_AGENT_INSTALLED", "/cache/claude");
        assertThat(loadEnvironment(environment).agent().executable()).contains(Path.of("/cache/claude"));
        Path file = write("agent.executable: /opt/claude\n");
        assertThat(ConfigLoader.load(Optional.of(file), environment, Map.of(), USER)
                        .agent()
                        .executable())
                .contains(Path.of("/opt/claude"));
    }

    @Test
    void variablesThatAreNoKeysAreLeftAlone() {
        CloisterConfig config = loadEnvironment(Map.of(
                "CLOISTER_CACHE", "/tmp/cache",
                "CLOISTER_SERVICE_HOST", "10.0.0.1",
                "CLOISTER_SERVICE_PORT_HTTP", "8484",
                "CLOISTER_PORT", "tcp://10.0.0.1:8484",
                "CLOISTER_PORT_8484_TCP_ADDR", "10.0.0.1"));
        assertThat(config.http().port()).isEqualTo(8484);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            port                       | 70000          | whole number from 0 to 65535
            port                       | -1             | whole number
            port                       | 1e3            | whole number
            port                       | 99999999999999 | whole number
            port                       | ''             | is empty
            host                       | not a host     | an address or a host name
            host                       | http://x       | an address or a host name
            host                       | -bad-.example  | an address or a host name
            heartbeat                  | 5              | such as `500ms`, `30s`, `5m` or `1h`
            heartbeat                  | 0s             | from 1ms to 24h
            heartbeat                  | 25h            | from 1ms to 24h
            heartbeat                  | 1.5s           | a duration
            heartbeat                  | -1s            | a duration
            heartbeat                  | 1d             | a duration
            heartbeat                  | 5 s            | a duration
            metrics.open               | yes            | `true` or `false`
            metrics.open               | TRUE           | `true` or `false`
            identity.mode              | jwt            | one of `token`, `keys`
            identity.admission         | sometimes      | one of `auto`, `open`, `closed`
            tenants.uid-range          | 0-100          | a range FIRST-LAST
            tenants.uid-range          | 3000-2000      | a range FIRST-LAST
            tenants.uid-range          | 60000-70000    | leaves out 65534 and 65535
            tenants.uid-range          | 5000-9999999999| a range FIRST-LAST
            tenants.uid-range          | 100000         | or `auto`
            isolation.mode             | docker         | one of `directories`
            isolation.require          | FILES          | FILES_OF_OTHERS_UNREADABLE
            isolation.require          | NETWORK_CLOSED,| is empty
            upstream.url               | api.example    | an http or https URL with a host
            upstream.url               | ftp://x.example| an http or https URL
            upstream.url               | https://       | an http or https URL
            upstream.url               | https://x?y=1  | without user, query or fragment
            upstream.credential        | vault          | one of `passthrough`, `operator`
            upstream.credential-kind   | apikey         | or `auto`
            upstream.credential-file   | ~              | a path
            upstream.connect-timeout   | soon           | a duration
            models.allowed             | ''             | is an empty list
            models.allowed             | claude opus    | a model's name
            models.prices              | opus=5         | PATTERN=INPUT/OUTPUT
            models.prices              | opus=-5/25     | PATTERN=INPUT/OUTPUT
            models.prices              | opus=NaN/1     | PATTERN=INPUT/OUTPUT
            agent.max-turns            | 0              | from 1 to 10000
            agent.upstream-retries     | 99             | from 0 to 20
            policy.preset              | lax            | one of `strict`, `balanced`, `open`
            policy.deny                | Bash(          | a tool rule
            policy.allow               | Read(/x)!/y    | a tool rule
            policy.allow               | bash           | a tool rule
            policy.deny                | Web_Fetch      | a tool rule
            policy.allow               | Bash(a(b)c)    | a tool rule
            limits.body                | 16MB           | such as `100B`, `512KiB`, `8MiB` or `1GiB`
            limits.body                | 16             | a size
            limits.body                | 0B             | from 1B
            limits.body                | 2GiB           | to 1GiB
            limits.file                | 9999999999GiB  | to 1024GiB
            limits.headers             | 2MiB           | to 1MiB
            limits.path                | 5000           | from 16 to 4095
            limits.json-depth          | 1001           | from 8 to 1000
            log.format                 | xml            | one of `text`, `json`
            log.level                  | trace          | one of `debug`
            """)
    void badValues(String key, String value, String right) {
        assertThat(problemsOfOptions(Map.of(key, value)))
                .startsWith("The configuration has a problem:\n  command line: " + key + ": ")
                .contains(right);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            prot: 1                          | :1: prot: is not a key; did you mean port?
            limits.bdoy: 1MiB                | did you mean limits.body?
            limits: {bodies: 1MiB}           | limits.bodies: is not a key; did you mean limits.body?
            zzzzzzzzzzzzzzzz: 1              | is not a key; remove it
            upstream: scripted               | it is a group with the keys upstream.url, upstream.credential
            port: {tcp: 1}                   | port.tcp: is not a key
            port: [1, 2]                     | port: is a list; write a whole number
            'port:'                          | port: has no value
            data: ~                          | data: has no value
            policy.allow: [[Bash]]           | policy.allow: has an item that is not a text
            policy.allow: [~]                | policy.allow: has an item that is not a text
            '[1, 2]'                         | is not a mapping
            just words                       | is not a mapping
            '? [a]\n: 1'                     | has a key that is not a name
            '"": 1'                          | has a key that is not a name
            'a: &x {b: *x}'                  | is nested too deeply
            'port: 1\nport: 2'               | :2: port: is set twice, first at
            'log: {level: info}\nlog.level: warn' | :2: log.level: is set twice
            'port: 1\n  host: x'             | :2: is not YAML
            'port: "1'                       | is not YAML
            'port: 1\n---\nport: 2'          | is not YAML
            'port: *nowhere'                 | is not YAML
            'port: !!java.net.URL [x]'       | port: is a list
            '<<: {port: 1}'                  | <<.port: is not a key
            'port: 1\n\n\nheartbeat: 3x'     | :4: heartbeat: "3x" is not a duration
            """)
    void badFiles(String yaml, String right) {
        assertThat(problemsOfFile(yaml.replace("\\n", "\n")))
                .contains(directory.resolve("cloister.yaml").toString())
                .contains(right);
    }

    @Test
    void aFileThatIsNotText() throws IOException {
        Path file = directory.resolve("cloister.yaml");
        Files.write(file, new byte[] {'p', ':', ' ', (byte) 0xC3, (byte) 0x28, 0, 1});
        assertThatThrownBy(() -> ConfigLoader.load(Optional.of(file), Map.of(), Map.of(), USER))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining(file + ": is not YAML in UTF-8");
    }

    @Test
    void aFileThatIsMissingOrADirectory() {
        Path missing = directory.resolve("missing.yaml");
        assertThatThrownBy(() -> ConfigLoader.load(Optional.of(missing), Map.of(), Map.of(), USER))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining(missing + ": the file does not exist");
        assertThatThrownBy(() -> ConfigLoader.load(Optional.of(directory), Map.of(), Map.of(), USER))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining(directory + ": the file cannot be read");
    }

    @ParameterizedTest
    @CsvSource({
        "CLOISTER_PROT, 1, did you mean CLOISTER_PORT?",
        "CLOISTER_LIMITS_TURN, 1, did you mean CLOISTER_LIMITS_TURNS?",
        "CLOISTER_ZZZZZZZZZZZZ, 1, unset it",
        "CLOISTER_PORT, x, port: \"x\" is not a whole number",
        "CLOISTER_PORT, '', port: is empty",
    })
    void badVariables(String variable, String value, String right) {
        assertThatThrownBy(() -> loadEnvironment(Map.of(variable, value)))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining(variable + ": ")
                .hasMessageContaining(right);
    }

    @ParameterizedTest
    @MethodSource
    void relations(Map<String, String> options, String right) {
        assertThat(problemsOfOptions(options))
                .startsWith("The configuration has a problem:")
                .contains(right);
    }

    static List<Arguments> relations() {
        return List.of(
                relation(Map.of("identity.mode", "keys"), "set upstream.credential to operator"),
                relation(Map.of("upstream.credential", "operator"), "set upstream.credential-file"),
                relation(Map.of("host", "0.0.0.0"), "set identity.admission to open or closed"),
                relation(Map.of("host", "::"), "set identity.admission"),
                relation(Map.of("host", "cloister.example"), "set identity.admission"),
                relation(Map.of("host", "localhost.example"), "set identity.admission"),
                relation(Map.of("limits.turns-per-tenant", "33"), "command line: limits.turns-per-tenant: limits"),
                relation(Map.of("limits.turns", "2"), "command line: limits.turns: limits.turns-per-tenant is 8"),
                relation(Map.of("limits.execs", "64"), "limits.execs-per-tenant is 512"),
                relation(Map.of("limits.prompt", "17MiB"), "limits.prompt is 17825792 and limits.body is 16777216"),
                relation(Map.of("workspace.quota", "1MiB"), "set at least 16MiB, or none"),
                relation(Map.of("data", "/srv/a", "workspaces", "/srv/a"), "lie within each other"),
                relation(Map.of("data", "/srv/a/b", "workspaces", "/srv/a"), "lie within each other"),
                relation(Map.of("data", "/srv/a", "workspaces", "/srv/x/../a/b"), "lie within each other"));
    }

    private static Arguments relation(Map<String, String> options, String right) {
        return Arguments.of(options, right);
    }

    @ParameterizedTest
    @MethodSource
    void combinationsThatAreRight(Map<String, String> options) {
        assertThat(loadOptions(options)).isNotNull();
    }

    static List<Map<String, String>> combinationsThatAreRight() {
        return List.of(
                Map.of("identity.mode", "keys", "upstream.url", "scripted"),
                Map.of("upstream.credential", "operator", "upstream.url", "scripted"),
                Map.of("upstream.credential", "operator", "upstream.credential-file", "/k", "identity.mode", "keys"),
                Map.of("host", "0.0.0.0", "identity.admission", "open"),
                Map.of("host", "0.0.0.0", "identity.mode", "keys", "upstream.url", "scripted"),
                Map.of("host", "localhost"),
                Map.of("host", "127.9.9.9"),
                Map.of("data", "/srv/a", "workspaces", "/srv/a-workspaces"));
    }

    @Test
    void allProblemsAreToldTogether() throws IOException {
        Path file = write("port: x\nlimits:\n  bdoy: 1MiB\n");
        assertThatThrownBy(() -> ConfigLoader.load(
                        Optional.of(file),
                        Map.of("CLOISTER_HEARTBEAT", "5"),
                        Map.of("identity.mode", "keys", "zzzzzzzzzzzzzzz", "1"),
                        USER))
                .isInstanceOfSatisfying(
                        CloisterException.class,
                        failure -> assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_REQUEST))
                .message()
                .startsWith("The configuration has 5 problems:\n")
                .contains(file + ":1: port: ")
                .contains(file + ":3: limits.bdoy: ")
                .contains("CLOISTER_HEARTBEAT: heartbeat: ")
                .contains("command line: zzzzzzzzzzzzzzz: ")
                .contains("command line: identity.mode: ");
    }

    @Test
    void aBadValueBringsNoProblemOfItsDefault() {
        assertThat(problemsOfOptions(Map.of("limits.turns", "x", "limits.turns-per-tenant", "64")))
                .startsWith("The configuration has a problem:");
    }

    @ParameterizedTest
    @CsvSource({
        "upstream.credential-file, sk-ant-api03-secret",
        "upstream.url, https://user:sk-ant-api03-secret@gateway.example",
        "upstream.url, sk-ant-api03-secret",
    })
    void whatMayBeASecretIsNotRepeated(String key, String value) {
        assertThat(problemsOfOptions(Map.of(key, value))).contains(key).doesNotContain("secret");
    }

    @Test
    void whatIsNoKeyIsNotRepeatedWithItsValue() {
        assertThat(problemsOfFile("upstream.key: sk-ant-api03-secret\n")).doesNotContain("secret");
    }

    @Test
    void textsFromOutsideAreShownShortAndPrintable() {
        assertThat(problemsOfOptions(Map.of("port", "\u001b[31m" + "9".repeat(5000))))
                .doesNotContain("\u001b")
                .hasSizeLessThan(500);
        assertThat(problemsOfOptions(Map.of("\u001b" + "k".repeat(5000), "1")))
                .doesNotContain("\u001b")
                .hasSizeLessThan(500);
    }

    /** A key that is in the table and not bound would let anything pass; no type takes NUL. */
    @ParameterizedTest
    @MethodSource("names")
    void everyKeyOfTheTableIsBound(String name) {
        assertThat(problemsOfOptions(Map.of(name, "\u0000"))).contains("command line: " + name + ": ");
    }

    static List<String> names() {
        return Keys.ALL.stream().map(Key::name).toList();
    }

    @ParameterizedTest
    @MethodSource("keys")
    void everyExampleIsRightAndIsNotTheDefault(Key<?> key) throws IOException {
        Map<String, String> needed = new HashMap<>(Map.of(
                "upstream.url", "scripted",
                "identity.admission", "open"));
        needed.remove(key.name());
        Path file = write(key.name() + ": " + key.example() + "\n");
        assertThat(ConfigLoader.load(Optional.of(file), Map.of(), needed, USER))
                .isNotEqualTo(ConfigLoader.load(Optional.empty(), Map.of(), needed, USER));
    }

    static List<Key<?>> keys() {
        return Keys.ALL;
    }
}
