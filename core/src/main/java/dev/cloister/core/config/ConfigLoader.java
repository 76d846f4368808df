package dev.cloister.core.config;

import dev.cloister.core.config.CloisterConfig.Agent;
import dev.cloister.core.config.CloisterConfig.Broker;
import dev.cloister.core.config.CloisterConfig.Egress;
import dev.cloister.core.config.CloisterConfig.Http;
import dev.cloister.core.config.CloisterConfig.Identity;
import dev.cloister.core.config.CloisterConfig.Isolation;
import dev.cloister.core.config.CloisterConfig.Limits;
import dev.cloister.core.config.CloisterConfig.Log;
import dev.cloister.core.config.CloisterConfig.Models;
import dev.cloister.core.config.CloisterConfig.Paths;
import dev.cloister.core.config.CloisterConfig.Policy;
import dev.cloister.core.config.CloisterConfig.Sessions;
import dev.cloister.core.config.CloisterConfig.Tenants;
import dev.cloister.core.config.CloisterConfig.UpstreamSettings;
import dev.cloister.core.config.CloisterConfig.Violations;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.spi.SandboxLimits;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Binds the configuration, once. Later sources win: defaults, the file, environment variables, the command line. Reads
 * nothing but the file, so what it returns depends on its arguments and on the current directory alone.
 */
public final class ConfigLoader {
    /** Where the {@code cloister} script installed the pinned agent: below the file, unlike the key's own variable. */
    static final String AGENT_INSTALLED = "CLOISTER_AGENT_INSTALLED";

    private static final Set<String> AGENT = Set.of("CLOISTER_AGENT_EXECUTABLE", AGENT_INSTALLED);

    private ConfigLoader() {}

    /** What an environment says of where the agent's program is, for servers of which everything else is fixed. */
    public static Map<String, String> agentIn(Map<String, String> environment) {
        return environment.entrySet().stream()
                .filter(variable -> AGENT.contains(variable.getKey()))
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /**
     * Reads, binds and checks every key.
     *
     * @param file YAML; nested mappings and dotted names mean the same
     * @param environment all variables of the process; those that do not begin with {@code CLOISTER_} are left alone
     * @param options values given on the command line, by the dotted name of their key
     * @throws CloisterException with code INVALID_REQUEST; its message lists every problem with its source, the key, what is
     *     wrong and what would be right
     */
    public static CloisterConfig load(
            Optional<Path> file, Map<String, String> environment, Map<String, String> options, HostDefaults host) {
        Problems problems = new Problems();
        Map<String, RawValue> raw = merged(file, environment, options, host, problems);
        Set<String> known = Keys.ALL.stream().map(Key::name).collect(Collectors.toSet());
        raw.forEach((name, value) -> {
            if (!known.contains(name)) {
                problems.add(value.place(), Names.unknown(name));
            }
        });
        Values values = new Values(raw, host.userHome(), problems);
        CloisterConfig config = bind(
                values,
                host,
                Optional.ofNullable(environment.get(AGENT_INSTALLED)).map(Path::of));
        new Relations(config, values, problems).check();
        problems.throwIfAny();
        return config;
    }

    /**
     * What the sources of {@link #load} say of some keys, as options for another server. What nobody set is not in it; relative paths
     * stay relative.
     *
     * @param prefixes what the keys' names begin with
     */
    public static Map<String, String> given(
            Set<String> prefixes,
            Optional<Path> file,
            Map<String, String> environment,
            Map<String, String> options,
            HostDefaults host) {
        Problems problems = new Problems();
        Map<String, String> texts = new TreeMap<>();
        merged(file, environment, options, host, problems).forEach((name, value) -> {
            if (prefixes.stream().anyMatch(name::startsWith)) {
                texts.put(
                        name,
                        switch (value) {
                            case RawValue.Text(String text, Place _) -> text;
                            case RawValue.Sequence(List<String> items, Place _) -> String.join(",", items);
                        });
            }
        });
        problems.throwIfAny();
        return texts;
    }

    private static Map<String, RawValue> merged(
            Optional<Path> file,
            Map<String, String> environment,
            Map<String, String> options,
            HostDefaults host,
            Problems problems) {
        Map<String, RawValue> raw = new LinkedHashMap<>();
        file.ifPresent(path -> raw.putAll(YamlFile.read(path, host.userHome(), problems)));
        raw.putAll(EnvironmentVariables.read(environment, host.userHome(), problems));
        Place commandLine = new Place("command line", Path.of("").toAbsolutePath(), host.userHome());
        new TreeMap<>(options).forEach((name, text) -> raw.put(name, new RawValue.Text(text, commandLine)));
        return raw;
    }

    private static CloisterConfig bind(Values values, HostDefaults host, Optional<Path> agent) {
        Paths paths = paths(values, host);
        return new CloisterConfig(
                new Http(
                        values.get(Keys.HOST),
                        values.get(Keys.PORT),
                        values.get(Keys.HEARTBEAT),
                        values.get(Keys.METRICS_OPEN)),
                paths,
                new Identity(values.get(Keys.IDENTITY_MODE), values.get(Keys.IDENTITY_ADMISSION)),
                new Tenants(values.get(Keys.TENANTS_UID_RANGE)),
                isolation(values, paths.workspaces()),
                new Violations(
                        values.get(Keys.VIOLATIONS_SUSPEND_AFTER)
                                .map(OptionalInt::of)
                                .orElseGet(OptionalInt::empty),
                        values.get(Keys.VIOLATIONS_WINDOW)),
                new UpstreamSettings(
                        values.get(Keys.UPSTREAM_URL),
                        values.get(Keys.UPSTREAM_CREDENTIAL),
                        values.find(Keys.UPSTREAM_CREDENTIAL_FILE),
                        values.get(Keys.UPSTREAM_CREDENTIAL_KIND),
                        values.get(Keys.UPSTREAM_CONNECT_TIMEOUT),
                        values.get(Keys.UPSTREAM_RESPONSE_TIMEOUT)),
                new Models(values.get(Keys.MODELS_ALLOWED), values.get(Keys.MODELS_PRICES)),
                new Agent(
                        values.find(Keys.AGENT_EXECUTABLE).or(() -> agent),
                        values.get(Keys.AGENT_MAX_TURNS),
                        values.get(Keys.AGENT_TURN_TIMEOUT),
                        values.get(Keys.AGENT_UPSTREAM_RETRIES),
                        values.get(Keys.AGENT_PREWARM),
                        values.get(Keys.AGENT_IDLE_TIMEOUT).orElse(Duration.ZERO),
                        values.get(Keys.AGENT_IDLE_PER_TENANT),
                        values.find(Keys.AGENT_MEMORY_BUDGET).orElse(host.memorySize() / 4 * 3)),
                new Policy(values.get(Keys.POLICY_PRESET), values.get(Keys.POLICY_ALLOW), values.get(Keys.POLICY_DENY)),
                limits(values),
                new Sessions(values.get(Keys.SESSIONS_EVENTS_KEPT), values.get(Keys.SESSIONS_PER_TENANT)),
                new Broker(values.get(Keys.BROKER_BODY), values.get(Keys.BROKER_REQUESTS_PER_MINUTE)),
                new Egress(
                        values.find(Keys.EGRESS_FILE),
                        new EgressPolicy(values.get(Keys.EGRESS_MODE), values.get(Keys.EGRESS_RULES)),
                        new EgressLimits(
                                values.get(Keys.EGRESS_CONNECTIONS),
                                values.get(Keys.EGRESS_REQUESTS_PER_MINUTE),
                                values.get(Keys.EGRESS_BYTES_PER_HOUR)
                                        .map(OptionalLong::of)
                                        .orElseGet(OptionalLong::empty))),
                new CloisterConfig.Ports(values.get(Keys.PORTS_OPEN)),
                new Log(values.get(Keys.LOG_FORMAT), values.get(Keys.LOG_LEVEL)));
    }

    private static Isolation isolation(Values values, Path workspaces) {
        return new Isolation(
                values.get(Keys.ISOLATION_MODE),
                values.get(Keys.ISOLATION_ACCEPT_WEAK),
                Set.copyOf(values.get(Keys.ISOLATION_REQUIRE)),
                new SandboxLimits(
                        values.get(Keys.ISOLATION_MEMORY),
                        values.get(Keys.ISOLATION_CPUS),
                        values.get(Keys.ISOLATION_PIDS),
                        values.get(Keys.ISOLATION_TMP),
                        values.get(Keys.ISOLATION_OPEN_FILES)),
                values.find(Keys.ISOLATION_CGROUP_PARENT),
                values.get(Keys.ISOLATION_PROGRAMS).stream().map(Path::of).toList(),
                new CloisterConfig.Container(
                        values.get(Keys.CONTAINER_ENGINE),
                        values.get(Keys.CONTAINER_IMAGE),
                        values.get(Keys.CONTAINER_RUNTIME),
                        values.get(Keys.CONTAINER_IDLE_TIMEOUT)),
                new CloisterConfig.MicroVm(
                        values.find(Keys.MICROVM_IMAGES).orElseGet(() -> workspaces.resolve("vm")),
                        values.get(Keys.MICROVM_HYPERVISOR),
                        values.get(Keys.MICROVM_ACCELERATOR),
                        values.get(Keys.MICROVM_DISK),
                        values.get(Keys.MICROVM_BOOT_TIMEOUT),
                        values.get(Keys.MICROVM_IDLE_TIMEOUT)),
                values.get(Keys.ISOLATION_SWEEP));
    }

    private static Paths paths(Values values, HostDefaults host) {
        Path data = values.find(Keys.DATA)
                .orElseGet(() -> host.isRoot()
                        ? Path.of("/var/lib/cloister")
                        : host.userHome().resolve(".local/share/cloister"));
        Path workspaces = values.find(Keys.WORKSPACES).orElseGet(() -> Path.of(data + "-workspaces"));
        OptionalLong quota =
                values.get(Keys.WORKSPACE_QUOTA).map(OptionalLong::of).orElseGet(OptionalLong::empty);
        Path run = values.find(Keys.RUN)
                .orElseGet(() -> host.inMemory()
                        .map(memory -> memory.resolve("cloister-" + nameFor(workspaces)))
                        .orElseGet(() -> workspaces.resolve("run")));
        return new Paths(data, workspaces, run, quota);
    }

    /** Short, and another for each server of the machine. */
    private static String nameFor(Path workspaces) {
        byte[] path = workspaces.toAbsolutePath().normalize().toString().getBytes(StandardCharsets.UTF_8);
        return UUID.nameUUIDFromBytes(path).toString().substring(0, 8);
    }

    private static Limits limits(Values values) {
        return new Limits(
                values.get(Keys.LIMITS_BODY),
                values.get(Keys.LIMITS_PROMPT),
                values.get(Keys.LIMITS_FILE),
                values.get(Keys.LIMITS_HEADERS),
                values.get(Keys.LIMITS_PATH),
                values.get(Keys.LIMITS_JSON_DEPTH),
                values.get(Keys.LIMITS_REQUEST_TIME),
                values.get(Keys.LIMITS_TURNS),
                values.get(Keys.LIMITS_TURNS_PER_TENANT),
                values.get(Keys.LIMITS_QUEUED_TURNS),
                values.get(Keys.LIMITS_QUEUED_TURNS_PER_TENANT),
                values.get(Keys.LIMITS_QUEUE_TIME),
                values.get(Keys.LIMITS_EXECS),
                values.get(Keys.LIMITS_EXECS_PER_TENANT),
                values.get(Keys.LIMITS_EXEC_TIMEOUT),
                values.get(Keys.LIMITS_EXEC_OUTPUT));
    }
}
