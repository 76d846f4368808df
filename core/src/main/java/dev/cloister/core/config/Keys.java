package dev.cloister.core.config;

import dev.cloister.core.config.CloisterConfig.Accelerator;
import dev.cloister.core.config.CloisterConfig.Admission;
import dev.cloister.core.config.CloisterConfig.CredentialSource;
import dev.cloister.core.config.CloisterConfig.Hypervisor;
import dev.cloister.core.config.CloisterConfig.IdentityMode;
import dev.cloister.core.config.CloisterConfig.LogFormat;
import dev.cloister.core.config.CloisterConfig.LogLevel;
import dev.cloister.core.config.CloisterConfig.PolicyPreset;
import dev.cloister.core.config.CloisterConfig.Prewarm;
import dev.cloister.core.config.CloisterConfig.Price;
import dev.cloister.core.config.CloisterConfig.UidRange;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPresets;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The table of keys: each exactly once, in the order of the docs. */
final class Keys {
    private static final List<Key<?>> TABLE = new ArrayList<>();

    static final Key<String> HOST = key(
            "host",
            ValueTypes.host(),
            "127.0.0.1",
            "The address to listen on. On any address but a loopback one, `identity.admission` has to be said.",
            "0.0.0.0");
    static final Key<Integer> PORT = key(
            "port", ValueTypes.number(0, 65535), "8484", "The TCP port to listen on; 0 takes any free one.", "8080");
    static final Key<Path> DATA = derived(
            "data",
            ValueTypes.path(),
            "`/var/lib/cloister` as root, else `~/.local/share/cloister`",
            "The server's own state: database, keys, audit log. Made at first start, 0700; no tenant can enter it.",
            "/srv/cloister");
    static final Key<Path> WORKSPACES = derived(
            "workspaces",
            ValueTypes.path(),
            "the path of `data` with `-workspaces` behind it",
            "The tenants' trees. Not inside `data`, because every tenant's uid has to walk to its own tree.",
            "/srv/cloister-workspaces");
    static final Key<Path> RUN = derived(
            "run",
            ValueTypes.path(),
            "`cloister-…` in `/run` (as root), in `$XDG_RUNTIME_DIR` or in `/dev/shm`: the first that is in memory and"
                    + " where programs may run; else `run` in `workspaces`",
            "Sockets and short-lived files of what runs now; nothing in it is worth a backup. On the disk that tenants write"
                    + " to, every launch waits for what they write. At most 70 bytes long.",
            "/run/cloister");
    static final Key<Duration> HEARTBEAT = key(
            "heartbeat",
            ValueTypes.duration(),
            "5s",
            "How often a silent stream gets a comment line, so that no proxy between takes it for dead.",
            "2s");
    static final Key<Boolean> METRICS_OPEN = key(
            "metrics.open",
            ValueTypes.flag(),
            "false",
            "Whether `/metrics` answers without a credential to callers that are not on this machine.",
            "true");

    static final Key<Optional<Long>> WORKSPACE_QUOTA = key(
            "workspace.quota",
            ValueTypes.size("1024GiB").orWord("none"),
            "none",
            "How much disk a tenant's tree may take, from 16MiB. Needs a server that is root and loop devices: each tree is"
                    + " then a file system of its own. Can grow later; `none` keeps trees that have one in it. In `microvm`"
                    + " mode it is the size of the disk of each tenant's machine instead, and needs neither.",
            "10GiB");

    static final Key<IdentityMode> IDENTITY_MODE = key(
            "identity.mode",
            ValueTypes.choice(IdentityMode.class),
            "token",
            "Who a caller is. `token`: each bearer token is a tenant of its own. `keys`: only keys issued by"
                    + " `cloister tenant add` are let in.",
            "keys");
    static final Key<Admission> IDENTITY_ADMISSION = key(
            "identity.admission",
            ValueTypes.choice(Admission.class),
            "auto",
            "Whether a token never seen before makes a new tenant. `auto` is `open` on a loopback address; on any"
                    + " other the server does not start until `open` or `closed` is said.",
            "closed");

    static final Key<Optional<UidRange>> TENANTS_UID_RANGE = key(
            "tenants.uid-range",
            ValueTypes.uidRange().orWord("auto"),
            "auto",
            "The uids given to tenants when the server runs as root; none is ever used twice. `auto` draws a free"
                    + " range at first start and keeps it.",
            "200000-265533");

    static final Key<Optional<IsolationMode>> ISOLATION_MODE = key(
            "isolation.mode",
            ValueTypes.choice(IsolationMode.class).orWord("auto"),
            "auto",
            "How tenants are kept apart. `auto` takes the strongest mode that this host can hold; a mode that is"
                    + " named and cannot be held stops the start.",
            "directories");
    static final Key<Boolean> ISOLATION_ACCEPT_WEAK = key(
            "isolation.accept-weak",
            ValueTypes.flag(),
            "false",
            "Serves more than one tenant even where nothing but tool rules keeps them apart; every answer then"
                    + " carries a warning.",
            "true");
    static final Key<List<Guarantee>> ISOLATION_REQUIRE = key(
            "isolation.require",
            ValueTypes.guarantees(),
            "",
            "Guarantees without which the server does not start. It prints at its start what this host holds.",
            "[FILES_OF_OTHERS_UNREADABLE, CREDENTIAL_NEVER_INSIDE]");

    static final Key<Optional<Duration>> ISOLATION_SWEEP = key(
            "isolation.sweep",
            ValueTypes.duration().orWord("off"),
            "60s",
            "How often the owner and mode of every tenant's directories are looked at. What is not as it must be is a"
                    + " violation; it is not mended.",
            "5m");
    static final Key<Optional<Integer>> VIOLATIONS_SUSPEND_AFTER = key(
            "violations.suspend-after",
            ValueTypes.number(1, 1_000_000).orWord("never"),
            "never",
            "How many violations of one tenant within `violations.window` suspend it. What it runs is ended, and its requests"
                    + " are refused until `cloister tenant resume`. An agent that tries a tool its policy refuses counts too.",
            "20");
    static final Key<Duration> VIOLATIONS_WINDOW = key(
            "violations.window",
            ValueTypes.duration(),
            "1m",
            "The time within which `violations.suspend-after` counts.",
            "10m");

    static final Key<Long> ISOLATION_MEMORY = key(
            "isolation.memory",
            ValueTypes.size("1024GiB"),
            "4GiB",
            "How much memory all processes of a tenant have together. Counted where the host has control groups for the"
                    + " server, as are the next two.",
            "512MiB");
    static final Key<Double> ISOLATION_CPUS = key(
            "isolation.cpus",
            ValueTypes.decimal(0.01, 1024),
            "2",
            "How many processors' time a tenant has at most; `0.5` is half of one.",
            "0.5");
    static final Key<Integer> ISOLATION_PIDS = key(
            "isolation.pids",
            ValueTypes.number(16, 1_000_000),
            "4096",
            "How many processes and threads a tenant has at once.",
            "512");
    static final Key<Long> ISOLATION_TMP = key(
            "isolation.tmp",
            ValueTypes.size("1024GiB"),
            "1GiB",
            "How much fits into the private `/tmp` of a command or agent, and at most one file for each 4 KiB of it. It"
                    + " is memory, and counts as such. In `directories` mode TMPDIR is on disk and has no bound.",
            "100MiB");
    static final Key<Integer> ISOLATION_OPEN_FILES = key(
            "isolation.open-files",
            ValueTypes.number(64, 1_000_000),
            "4096",
            "How many files one process may have open.",
            "1024");
    static final Key<Path> ISOLATION_CGROUP_PARENT = derived(
            "isolation.cgroup-parent",
            ValueTypes.path(),
            "the server's own group",
            "The control group below which Cloister makes its own, as a directory; with cgroup v1, the path within each"
                    + " controller's hierarchy. It touches no group that it did not make.",
            "/sys/fs/cgroup/cloister.slice");
    static final Key<List<String>> ISOLATION_PROGRAMS = key(
            "isolation.programs",
            ValueTypes.absolutePaths(),
            "",
            "Further programs and directories of the host that every sandbox can read and run. `directories` and"
                    + " `namespaces` show the host's `/usr` without being told; `chroot` shows the agent, bash, git, the"
                    + " coreutils, python3 and node, and what is named here with the libraries that it needs.",
            "[/opt/toolchain, /usr/bin/make]");

    static final Key<Path> CONTAINER_ENGINE = key(
            "container.engine",
            ValueTypes.path(),
            "/var/run/docker.sock",
            "The socket of the container engine, for `container` mode: Docker's, or that of Podman's service. Who may use it is"
                    + " root on this machine; no sandbox ever sees it.",
            "/run/podman/podman.sock");
    static final Key<String> CONTAINER_IMAGE = key(
            "container.image",
            ValueTypes.image(),
            "cloister-agent",
            "What containers are made of: a file system with sh, bash, git, python3 and node. `deploy/agent-image` makes one; the"
                    + " agent comes from this server.",
            "registry.example/agent-tools:3");
    static final Key<Optional<String>> CONTAINER_RUNTIME = key(
            "container.runtime",
            ValueTypes.image().orWord("default"),
            "default",
            "The engine's name for what runs containers, such as `runsc` for gVisor. One whose name does not hold `runc`, `crun` or"
                    + " `youki` is taken for one with a kernel of its own: see ADR 0024.",
            "runsc");
    static final Key<Duration> CONTAINER_IDLE_TIMEOUT = key(
            "container.idle-timeout",
            ValueTypes.duration(),
            "10m",
            "How long a container goes on running in which nothing runs. One that was stopped is started when its tenant comes"
                    + " again, and removed when it does not come for ten times as long.",
            "1h");

    static final Key<Path> MICROVM_IMAGES = derived(
            "microvm.images",
            ValueTypes.path(),
            "`vm` in `workspaces`",
            "The directory with what virtual machines are made of, for `microvm` mode: kernel, modules, root. `cloister vm build`"
                    + " makes it.",
            "/var/lib/cloister-vm");
    static final Key<Hypervisor> MICROVM_HYPERVISOR = key(
            "microvm.hypervisor",
            ValueTypes.choice(Hypervisor.class),
            "qemu",
            "What runs the virtual machines. `firecracker` needs KVM.",
            "firecracker");
    static final Key<Accelerator> MICROVM_ACCELERATOR = key(
            "microvm.accelerator",
            ValueTypes.choice(Accelerator.class),
            "kvm",
            "`kvm`: the processor runs the guests. `tcg`: QEMU translates them, which is many times slower and needs nothing of the"
                    + " host; a machine has one processor then.",
            "tcg");
    static final Key<Long> MICROVM_DISK = key(
            "microvm.disk",
            ValueTypes.size("1024GiB"),
            "4GiB",
            "How large a tenant's disk is where `workspace.quota` says nothing. It takes of the host what is written to it.",
            "10GiB");
    static final Key<Duration> MICROVM_BOOT_TIMEOUT = key(
            "microvm.boot-timeout",
            ValueTypes.duration(),
            "60s",
            "How long a virtual machine may take until it answers.",
            "20s");
    static final Key<Duration> MICROVM_IDLE_TIMEOUT = key(
            "microvm.idle-timeout",
            ValueTypes.duration(),
            "10m",
            "How long a virtual machine goes on running in which nothing runs. One that was stopped is started when its tenant"
                    + " comes again.",
            "1h");

    static final Key<Optional<URI>> UPSTREAM_URL = key(
            "upstream.url",
            ValueTypes.url().orWord("scripted"),
            "https://api.anthropic.com",
            "The Messages API that answers model calls. `scripted` plays scripts found in the prompt and needs no"
                    + " network, account or key. Use https unless the upstream is on this machine.",
            "scripted");
    static final Key<CredentialSource> UPSTREAM_CREDENTIAL = key(
            "upstream.credential",
            ValueTypes.choice(CredentialSource.class),
            "passthrough",
            "Whose credential pays. `passthrough`: the caller's own. `operator`: one for all, from"
                    + " `upstream.credential-file`.",
            "operator");
    static final Key<Path> UPSTREAM_CREDENTIAL_FILE = derived(
            "upstream.credential-file",
            ValueTypes.path(),
            "none",
            "The file that holds the operator's credential on its first line. Only the server's user may read it.",
            "/etc/cloister/upstream-key");
    static final Key<Optional<Credential.Kind>> UPSTREAM_CREDENTIAL_KIND = key(
            "upstream.credential-kind",
            ValueTypes.choice(Credential.Kind.class).orWord("auto"),
            "auto",
            "How the credential is presented: `api-key` as x-api-key, `oauth` as a subscription's bearer token,"
                    + " `bearer` as a gateway's. `auto` tells by its first characters.",
            "bearer");
    static final Key<Duration> UPSTREAM_CONNECT_TIMEOUT = key(
            "upstream.connect-timeout",
            ValueTypes.duration(),
            "10s",
            "How long connecting to the upstream may take.",
            "3s");
    static final Key<Duration> UPSTREAM_RESPONSE_TIMEOUT = key(
            "upstream.response-timeout",
            ValueTypes.duration(),
            "5m",
            "How long the upstream may be silent, before and within an answer.",
            "10m");

    static final Key<List<String>> MODELS_ALLOWED = key(
            "models.allowed",
            ValueTypes.models(),
            "claude-*",
            "The models that may be called; `*` stands for anything. The broker refuses every other.",
            "[claude-sonnet-*, claude-haiku-*]");
    static final Key<List<Price>> MODELS_PRICES = key(
            "models.prices",
            ValueTypes.prices(),
            "claude-opus-*=5/25, claude-sonnet-*=3/15, claude-haiku-*=1/5",
            "US dollars per million tokens, for the cost shown in usage; the first pattern that matches counts."
                    + " The defaults are list prices that may have changed: your own contract is what counts.",
            "[claude-opus-*=4.5/22.5, \"*=3/15\"]");

    static final Key<Path> AGENT_EXECUTABLE = derived(
            "agent.executable",
            ValueTypes.path(),
            "where the `cloister` script installed the pinned version",
            "The agent CLI. Every tenant's uid has to be able to run it.",
            "/opt/agent/claude");
    static final Key<Integer> AGENT_MAX_TURNS = key(
            "agent.max-turns",
            ValueTypes.number(1, 10_000),
            "200",
            "How many model calls the agent may make for one message.",
            "50");
    static final Key<Duration> AGENT_TURN_TIMEOUT = key(
            "agent.turn-timeout",
            ValueTypes.duration(),
            "30m",
            "How long one turn may take before it is ended with all that it started.",
            "2h");
    static final Key<Integer> AGENT_UPSTREAM_RETRIES = key(
            "agent.upstream-retries",
            ValueTypes.number(0, 20),
            "2",
            "How often the agent repeats a model call that failed in a way that may pass.",
            "0");

    static final Key<Prewarm> AGENT_PREWARM = key(
            "agent.prewarm",
            ValueTypes.choice(Prewarm.class),
            "session",
            "What an agent is started ahead of, where there is memory for it. `session`: a session that was opened with"
                    + " `POST /v1/sessions` and a model. `tenant`: also the next new session of a tenant that made any request.",
            "tenant");
    static final Key<Optional<Duration>> AGENT_IDLE_TIMEOUT = key(
            "agent.idle-timeout",
            ValueTypes.duration().orWord("none"),
            "10m",
            "How long an agent is kept after a turn, for the session's next one, which then begins at once. What a tool left"
                    + " running lives as long. `none`: each turn starts an agent of its own.",
            "1h");
    static final Key<Integer> AGENT_IDLE_PER_TENANT = key(
            "agent.idle-per-tenant",
            ValueTypes.number(1, 10_000),
            "4",
            "How many agents of one tenant are kept between turns; the one used longest ago is ended first.",
            "1");
    static final Key<Long> AGENT_MEMORY_BUDGET = derived(
            "agent.memory-budget",
            ValueTypes.size("1024GiB"),
            "three quarters of the memory of the machine or the container",
            "How much memory all agents and what they started may take together, as measured. For one more those are ended"
                    + " that wait; where that does not help a turn is refused with 529.",
            "16GiB");

    static final Key<PolicyPreset> POLICY_PRESET = key(
            "policy.preset",
            ValueTypes.choice(PolicyPreset.class),
            "balanced",
            "The tool rules to start from. They keep the agent tidy; the walls between tenants are the isolation's.",
            "strict");
    static final Key<List<String>> POLICY_ALLOW = key(
            "policy.allow",
            ValueTypes.toolRules(),
            "",
            "Tool rules allowed on top of the preset.",
            "[\"Bash(make:*)\", WebFetch]");
    static final Key<List<String>> POLICY_DENY = key(
            "policy.deny",
            ValueTypes.toolRules(),
            "",
            "Tool rules denied on top of the preset; a denial beats every permission.",
            "[\"Bash(curl:*)\"]");

    static final Key<Long> LIMITS_BODY =
            key("limits.body", ValueTypes.size("1GiB"), "16MiB", "The largest body of a JSON request.", "32MiB");
    static final Key<Long> LIMITS_PROMPT = key(
            "limits.prompt",
            ValueTypes.size("1GiB"),
            "4MiB",
            "The largest text of one message, in UTF-8. Not above `limits.body`.",
            "1MiB");
    static final Key<Long> LIMITS_FILE =
            key("limits.file", ValueTypes.size("1024GiB"), "256MiB", "The largest file or archive sent up.", "2GiB");
    static final Key<Integer> LIMITS_HEADERS = key(
            "limits.headers",
            ValueTypes.size("1MiB").map(Math::toIntExact),
            "16KiB",
            "The largest request line and headers together.",
            "32KiB");
    static final Key<Integer> LIMITS_PATH = key(
            "limits.path",
            ValueTypes.number(16, 4095),
            "1024",
            "The longest path of a file in a workspace, in bytes of UTF-8.",
            "512");
    static final Key<Integer> LIMITS_JSON_DEPTH =
            key("limits.json-depth", ValueTypes.number(8, 1000), "100", "The deepest nesting of a JSON request.", "64");
    static final Key<Duration> LIMITS_REQUEST_TIME = key(
            "limits.request-time",
            ValueTypes.duration(),
            "30s",
            "How long a client may take to send a JSON request.",
            "10s");
    static final Key<Integer> LIMITS_TURNS = key(
            "limits.turns",
            ValueTypes.number(1, 10_000),
            "32",
            "How many turns run at once, all tenants together.",
            "64");
    static final Key<Integer> LIMITS_TURNS_PER_TENANT = key(
            "limits.turns-per-tenant",
            ValueTypes.number(1, 10_000),
            "8",
            "How many turns of one tenant run at once. Not above `limits.turns`.",
            "4");
    static final Key<Integer> LIMITS_QUEUED_TURNS = key(
            "limits.queued-turns",
            ValueTypes.number(0, 100_000),
            "256",
            "How many turns wait until one of those that run ends; tenants come in turn. 0: none waits, and is refused at once.",
            "64");
    static final Key<Integer> LIMITS_QUEUED_TURNS_PER_TENANT = key(
            "limits.queued-turns-per-tenant",
            ValueTypes.number(0, 100_000),
            "16",
            "How many turns of one tenant wait. Not above `limits.queued-turns`.",
            "4");
    static final Key<Duration> LIMITS_QUEUE_TIME = key(
            "limits.queue-time",
            ValueTypes.duration(),
            "20s",
            "How long a turn waits at most before it is refused: with 429 at the tenant's limit, with 529 at the server's.",
            "1m");
    static final Key<Integer> LIMITS_EXECS = key(
            "limits.execs",
            ValueTypes.number(1, 100_000),
            "2048",
            "How many commands of `/v1/exec` run at once, all tenants together.",
            "4096");
    static final Key<Integer> LIMITS_EXECS_PER_TENANT = key(
            "limits.execs-per-tenant",
            ValueTypes.number(1, 100_000),
            "512",
            "How many commands of one tenant run at once. Not above `limits.execs`.",
            "64");
    static final Key<Duration> LIMITS_EXEC_TIMEOUT = key(
            "limits.exec-timeout",
            ValueTypes.duration(),
            "10m",
            "The longest that a command may run; also what holds when the request names no time.",
            "1h");
    static final Key<Long> LIMITS_EXEC_OUTPUT = key(
            "limits.exec-output",
            ValueTypes.size("1GiB"),
            "8MiB",
            "How much output of a command is kept for an answer that is not streamed.",
            "1MiB");

    static final Key<Integer> SESSIONS_EVENTS_KEPT = key(
            "sessions.events-kept",
            ValueTypes.number(1, 10_000_000),
            "10000",
            "How many events of a session are kept for clients that reconnect.",
            "2000");
    static final Key<Integer> SESSIONS_PER_TENANT = key(
            "sessions.per-tenant",
            ValueTypes.number(1, 10_000_000),
            "1000",
            "How many sessions a tenant may have.",
            "100");

    static final Key<Long> BROKER_BODY =
            key("broker.body", ValueTypes.size("1GiB"), "32MiB", "The largest body of one model call.", "64MiB");
    static final Key<Integer> BROKER_REQUESTS_PER_MINUTE = key(
            "broker.requests-per-minute",
            ValueTypes.number(1, 1_000_000),
            "300",
            "How many model calls one session may make in a minute.",
            "60");

    static final Key<EgressMode> EGRESS_MODE = key(
            "egress.mode",
            ValueTypes.choice(EgressMode.class),
            "closed",
            "What sandboxes reach of the network, through a proxy of the server. `closed`: nothing. `allowlist`: what"
                    + " `egress.rules` names. `observe`: everything public, and `cloister egress` prints the rules that"
                    + " would have been needed. `open`: everything public. Needs a mode with a network of its own:"
                    + " `namespaces` or `chroot`.",
            "allowlist");
    static final Key<List<EgressRule>> EGRESS_RULES = key(
            "egress.rules",
            ValueTypes.egressRules(),
            "",
            "What is open: hosts (`example.com`, or `*.example.com` for all below it) at the ports 80 and 443 or at `:PORT`;"
                    + " addresses, without which nothing that is not public is reached in any mode; for plain HTTP"
                    + " `[METHOD] http://HOST/PATH` with `*` at the end; and the lists "
                    + EgressPresets.names() + ".",
            "[git-hosts, npm, \"*.example.com\", \"10.1.2.3:5432\", \"GET http://example.com/files/*\"]");
    static final Key<Path> EGRESS_FILE = derived(
            "egress.file",
            ValueTypes.path(),
            "none",
            "A file with mode and rules for all and for single tenants, instead of the two above. It is read again when it"
                    + " changes; one with a mistake is logged, and what held goes on to hold.",
            "/etc/cloister/egress.yaml");
    static final Key<Integer> EGRESS_CONNECTIONS = key(
            "egress.connections",
            ValueTypes.number(1, 100_000),
            "512",
            "How many connections to the network a tenant has at once.",
            "64");
    static final Key<Integer> EGRESS_REQUESTS_PER_MINUTE = key(
            "egress.requests-per-minute",
            ValueTypes.number(1, 10_000_000),
            "6000",
            "How many connections or plain requests a tenant may ask for in a minute.",
            "600");
    static final Key<Optional<Long>> EGRESS_BYTES_PER_HOUR = key(
            "egress.bytes-per-hour",
            ValueTypes.size("1024GiB").orWord("any"),
            "any",
            "How much a tenant may send and receive in an hour.",
            "10GiB");

    static final Key<Boolean> PORTS_OPEN = key(
            "ports.open",
            ValueTypes.flag(),
            "false",
            "Whether `/v1/ports/{port}/…` leads to servers that the caller's own sandbox listens with. Needs a mode with a"
                    + " network of its own.",
            "true");

    static final Key<LogFormat> LOG_FORMAT = key(
            "log.format",
            ValueTypes.choice(LogFormat.class),
            "text",
            "`text` for people, `json` for machines: one object a line.",
            "json");
    static final Key<LogLevel> LOG_LEVEL = key(
            "log.level",
            ValueTypes.choice(LogLevel.class),
            "info",
            "The least severe lines that are written.",
            "debug");

    /** Every key, in the order of the docs. */
    static final List<Key<?>> ALL = List.copyOf(TABLE);

    private Keys() {}

    private static <T> Key<T> key(String name, ValueType<T> type, String standard, String meaning, String example) {
        return add(new Key<>(name, type, new Key.Standard.Text(standard), meaning, example));
    }

    private static <T> Key<T> derived(String name, ValueType<T> type, String words, String meaning, String example) {
        return add(new Key<>(name, type, new Key.Standard.Derived(words), meaning, example));
    }

    private static <T> Key<T> add(Key<T> key) {
        TABLE.add(key);
        return key;
    }
}
