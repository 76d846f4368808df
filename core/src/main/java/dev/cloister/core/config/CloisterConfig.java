package dev.cloister.core.config;

import dev.cloister.core.reach.EgressLimits;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.upstream.Credential;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.SandboxLimits;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/** The whole configuration, bound once and immutable. Each component is documented by the key that it is bound from. */
public record CloisterConfig(
        Http http,
        Paths paths,
        Identity identity,
        Tenants tenants,
        Isolation isolation,
        Violations violations,
        UpstreamSettings upstream,
        Models models,
        Agent agent,
        Policy policy,
        Limits limits,
        Sessions sessions,
        Broker broker,
        Egress egress,
        Ports ports,
        Log log) {

    public record Http(String host, int port, Duration heartbeat, boolean openMetrics) {}

    /**
     * @param data the server's own state: 0700, no tenant can enter it
     * @param workspaces the tenants' trees; every tenant's uid can walk to it
     * @param run what launches need while they run; every tenant's uid can walk to it
     * @param quota how large each tree may become, in bytes; empty: as large as the disk allows
     */
    public record Paths(Path data, Path workspaces, Path run, OptionalLong quota) {}

    public record Identity(IdentityMode mode, Admission admission) {}

    public enum IdentityMode {
        TOKEN,
        KEYS
    }

    /** Whether a token never seen before makes a new tenant. */
    public enum Admission {
        /** Open on a loopback address; on any other the server does not start until it is told. */
        AUTO,
        OPEN,
        CLOSED
    }

    /** @param uidRange empty: a range is drawn at first start and kept */
    public record Tenants(Optional<UidRange> uidRange) {}

    public record UidRange(long first, long last) {}

    /**
     * @param mode empty: the strongest that is available
     * @param sweep how often tenants' directories are looked at; empty: never
     */
    public record Isolation(
            Optional<IsolationMode> mode,
            boolean acceptWeak,
            Set<Guarantee> require,
            SandboxLimits limits,
            Optional<Path> cgroupParent,
            List<Path> programs,
            Container container,
            MicroVm microVm,
            Optional<Duration> sweep) {}

    /**
     * What {@code container} mode needs.
     *
     * @param engine the engine's socket
     * @param runtime empty: the engine's default
     * @param idleTimeout how long a container without processes goes on running
     */
    public record Container(Path engine, String image, Optional<String> runtime, Duration idleTimeout) {}

    /**
     * What {@code microvm} mode needs.
     *
     * @param images the directory that {@code cloister vm build} makes
     * @param disk how large a tenant's disk is, in bytes, where there is no quota
     * @param idleTimeout how long a virtual machine without processes goes on running
     */
    public record MicroVm(
            Path images,
            Hypervisor hypervisor,
            Accelerator accelerator,
            long disk,
            Duration bootTimeout,
            Duration idleTimeout) {}

    public enum Hypervisor {
        QEMU,
        FIRECRACKER
    }

    /** What a guest's instructions are run by. */
    public enum Accelerator {
        KVM,
        TCG
    }

    /** @param suspendAfter how many of one tenant within the window suspend it; empty: none */
    public record Violations(OptionalInt suspendAfter, Duration window) {}

    /** @param url empty: the scripted upstream */
    public record UpstreamSettings(
            Optional<URI> url,
            CredentialSource credential,
            Optional<Path> credentialFile,
            Optional<Credential.Kind> credentialKind,
            Duration connectTimeout,
            Duration responseTimeout) {}

    public enum CredentialSource {
        PASSTHROUGH,
        OPERATOR
    }

    /**
     * @param allowed patterns in which {@code *} stands for anything
     * @param prices the first whose pattern matches counts
     */
    public record Models(List<String> allowed, List<Price> prices) {}

    /** US dollars per million tokens. */
    public record Price(String pattern, double input, double output) {}

    /**
     * @param executable empty: where the cloister script installed the pinned version
     * @param idleTimeout how long an agent is kept for another turn; zero: not at all
     * @param idlePerTenant how many agents of a tenant are kept between turns
     * @param memoryBudget bytes that all agents together may take
     */
    public record Agent(
            Optional<Path> executable,
            int maxTurns,
            Duration turnTimeout,
            int upstreamRetries,
            Prewarm prewarm,
            Duration idleTimeout,
            int idlePerTenant,
            long memoryBudget) {}

    /** What an agent is started ahead of. */
    public enum Prewarm {
        NONE,
        /** A session that was opened. */
        SESSION,
        /** That, and the next new session of a tenant that was seen. */
        TENANT
    }

    public record Policy(PolicyPreset preset, List<String> allow, List<String> deny) {}

    public enum PolicyPreset {
        STRICT,
        BALANCED,
        OPEN
    }

    /** Sizes are in bytes. */
    public record Limits(
            long body,
            long prompt,
            long file,
            int headers,
            int path,
            int jsonDepth,
            Duration requestTime,
            int turns,
            int turnsPerTenant,
            int queuedTurns,
            int queuedTurnsPerTenant,
            Duration queueTime,
            int execs,
            int execsPerTenant,
            Duration execTimeout,
            long execOutput) {}

    /** @param eventsKept events kept for replay, per session */
    public record Sessions(int eventsKept, int perTenant) {}

    /** @param requestsPerMinute model calls per session */
    public record Broker(long body, int requestsPerMinute) {}

    /**
     * @param file what it says holds in the place of the policy
     * @param limits of each tenant
     */
    public record Egress(Optional<Path> file, EgressPolicy policy, EgressLimits limits) {
        /** Whether there is a proxy at all. */
        public boolean isConfigured() {
            return file.isPresent() || policy.mode() != EgressMode.CLOSED;
        }
    }

    /** @param open whether callers reach servers that listen in their sandboxes */
    public record Ports(boolean open) {}

    public record Log(LogFormat format, LogLevel level) {}

    public enum LogFormat {
        TEXT,
        JSON
    }

    public enum LogLevel {
        DEBUG,
        INFO,
        WARN,
        ERROR
    }
}
