package dev.cloister.cli.wiring;

import dev.cloister.core.agent.AgentLauncher;
import dev.cloister.core.agent.AgentSettings;
import dev.cloister.core.agent.Agents;
import dev.cloister.core.agent.Canary;
import dev.cloister.core.agent.Prewarming;
import dev.cloister.core.audit.Audit;
import dev.cloister.core.broker.UnixSocketBroker;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.EgressFile;
import dev.cloister.core.egress.EgressBooks;
import dev.cloister.core.egress.EgressProxy;
import dev.cloister.core.egress.EgressRules;
import dev.cloister.core.egress.Resolver;
import dev.cloister.core.egress.StoredHostCredentials;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.exec.ExecService;
import dev.cloister.core.isolation.Guarantees;
import dev.cloister.core.isolation.Suspension;
import dev.cloister.core.isolation.Sweep;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.policy.ModelAllowList;
import dev.cloister.core.policy.ToolPolicy;
import dev.cloister.core.quota.Quota;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.sandbox.Egress;
import dev.cloister.core.sandbox.Sandboxes;
import dev.cloister.core.sandbox.UsageBooks;
import dev.cloister.core.sandbox.WorkspaceService;
import dev.cloister.core.session.EventLogs;
import dev.cloister.core.session.SessionLocks;
import dev.cloister.core.session.SessionRegistry;
import dev.cloister.core.session.SessionService;
import dev.cloister.core.session.Transcripts;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.tenant.StoreAuthenticator;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.turn.TurnService;
import dev.cloister.core.upstream.HttpUpstream;
import dev.cloister.core.upstream.ScriptedUpstream;
import dev.cloister.core.upstream.Upstream;
import dev.cloister.core.workspace.Refusals;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.server.HttpServer;
import dev.cloister.server.api.Collaborators;
import dev.cloister.server.api.UsageSource;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxRef;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A whole server. It owns all its parts and closes them in the reverse order. */
public final class Cloister implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Cloister.class);
    /** How often the file of egress rules is looked at. */
    private static final Duration EGRESS_LOOKS = Duration.ofSeconds(1);

    private static final TenantId CANARY = new TenantId("0".repeat(32));

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final Guarantees guarantees;
    private final HttpServer http;
    private final StartUp startUp = new StartUp();
    private final Runnable canary;

    /**
     * Puts a server together and starts to listen. Turns wait until {@link #proveAgent} has seen the agent work.
     *
     * @throws CloisterException if anything is not as it must be; nothing is left open then
     */
    public static Cloister start(CloisterConfig config) {
        return new Cloister(config, Clock.systemUTC());
    }

    private Cloister(CloisterConfig config, Clock clock) {
        try {
            DataDirectory data = DataDirectory.open(config.paths().data());
            owned(data.lock().channel());
            Store store = owned(data.store());
            Audit audit = data.audit(store, clock);
            UidRanges uids = Uids.of(config, store);

            // Before the probe works there: it would only see that something fails, and not name the directory at
            // fault.
            WorkspaceRoot.requireSafe(config.paths().workspaces(), HostFacts.uid());
            RunDirectory run = owned(RunDirectory.prepare(
                    config.paths().workspaces(), config.paths().run(), HostFacts.uid()));
            Host host = HostFacts.host(uids.probe(), run.scratch());
            IsolationConfig isolation = run.isolation(config);
            IsolationChoice choice = IsolationChoice.make(config.isolation(), isolation, host);
            guarantees = choice.guarantees();
            requireWallForTenants(config, choice, store);
            Layouts.require(store, guarantees.mode(), config.paths().workspaces(), host.serverUid());

            PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            Metrics metrics = new Metrics(meters);
            // The sandboxes come later, and tell of violations themselves.
            List<Consumer<TenantId>> endings = new CopyOnWriteArrayList<>();
            Violations violations = new Violations(
                    audit,
                    metrics,
                    guarantees.mode().id(),
                    new Suspension(
                            config.violations().suspendAfter(),
                            config.violations().window(),
                            tenant -> suspend(tenant, store, audit, config, endings)));
            IsolationBackend backend = owned(choice.provider().open(isolation, host));
            // What runs in sandboxes ends before the images that it uses are unmounted.
            WorkspaceRoot workspaces =
                    ownedBeneath(workspaces(config, host, backend.keepsFiles(), Refusals.to(violations)));
            workspaces.prepare();
            endWhatWasLeft(store, backend, uids, host);
            workspaces.elsewhere(CANARY).ifPresent(why -> {
                log.info("the trial turn's tenant starts anew: what it had was made in another isolation mode");
                workspaces.delete(CANARY);
            });
            UsageBooks books = owned(new UsageBooks(metrics, store::addSandboxUsage, violations));
            StoredHostCredentials credentials = new StoredHostCredentials(
                    store, data.credentialsKey().bytes(), config.egress().isConfigured(), audit, clock);
            Sandboxes sandboxes = new Sandboxes(
                    workspaces,
                    backend,
                    metrics,
                    books,
                    egress(config, credentials, metrics, violations, audit, clock),
                    config.ports().open());
            endings.add(sandboxes::end);

            ScheduledThreadPoolExecutor timer = timer();
            owned(timer::shutdownNow);
            Quota commands = new Quota(
                    "commands", config.limits().execs(), config.limits().execsPerTenant(), Quota.Queue.NONE);
            WorkspaceService files = new WorkspaceService(
                    workspaces, sandboxes, commands, timer, config.limits().execTimeout());
            Upstream upstream = owned(upstream(config));
            UnixSocketBroker broker = owned(new UnixSocketBroker(
                    metrics,
                    violations,
                    store::addUsage,
                    config.broker(),
                    config.models().prices(),
                    clock));
            AgentLauncher launcher = new AgentLauncher(broker, agent(config), timer);
            Tenant canaryTenant = new Tenant(
                    CANARY, "canary", host.isRoot() ? uids.canary() : host.serverUid(), true, clock.millis());
            CloisterConfig.Limits limits = config.limits();
            Agents agents = owned(new Agents(
                    sandboxes,
                    launcher,
                    new Agents.Limits(
                            config.agent().idleTimeout(),
                            config.agent().idlePerTenant(),
                            config.agent().memoryBudget(),
                            Math.max(2, Runtime.getRuntime().availableProcessors())),
                    HostFacts::memoryAvailable,
                    metrics,
                    timer));
            canary = () -> new Canary(sandboxes, launcher).sing(canaryTenant).ifPresent(agents::expect);
            Prewarming prewarming = new Prewarming(config.agent().prewarm(), agents, store, usualModel(config), clock);
            EventLogs events =
                    owned(new EventLogs(store, clock, config.sessions().eventsKept()));
            SessionLocks locks = new SessionLocks();
            SessionRegistry registry =
                    new SessionRegistry(store, audit, clock, config.sessions().perTenant());
            ModelAllowList models = new ModelAllowList(config.models().allowed());
            ExecService execs =
                    new ExecService(sandboxes, files, commands, audit, violations, metrics, timer, limits.path());
            Transcripts transcripts = new Transcripts(execs);
            TurnService turns = owned(new TurnService(new TurnService.Parts(
                    store,
                    sandboxes,
                    agents,
                    prewarming,
                    transcripts,
                    upstream,
                    events,
                    locks,
                    registry,
                    new Quota(
                            "turns",
                            limits.turns(),
                            limits.turnsPerTenant(),
                            new Quota.Queue(limits.queuedTurns(), limits.queuedTurnsPerTenant(), limits.queueTime())),
                    models,
                    audit,
                    violations,
                    metrics,
                    timer,
                    clock,
                    config.agent().turnTimeout())));
            UidAllocation allocation = host.isRoot()
                    ? new UidAllocation.Range(uids.firstTenant(), uids.last())
                    : new UidAllocation.Shared(host.serverUid());
            StoreAuthenticator authenticator = new StoreAuthenticator(
                    store,
                    data.identityKey(),
                    StoreAuthenticator.admits(config),
                    allocation,
                    choice.wallMissing(config.isolation().acceptWeak()),
                    Credentials.operator(config.upstream()),
                    audit,
                    clock);
            http = new HttpServer(new Collaborators(
                    config,
                    presented -> {
                        Principal principal = authenticator.authenticate(presented);
                        prewarming.seen(principal);
                        return principal;
                    },
                    startUp.gate(turns),
                    execs,
                    new SessionService(store, store, registry, events, locks, prewarming, models, transcripts, audit),
                    files,
                    UsageSource.of(store),
                    credentials,
                    sandboxes,
                    () -> guarantees,
                    startUp::readiness,
                    () -> warning(guarantees),
                    violations,
                    meters));
            owned(http);
            audit.record(
                    "server",
                    "server.started",
                    Map.of(
                            "mode", guarantees.mode().id(),
                            "guarantees",
                                    guarantees.holds().stream()
                                            .sorted()
                                            .toList()
                                            .toString(),
                            "upstream", upstream.description()));
            config.isolation()
                    .sweep()
                    .ifPresent(every -> owned(Sweep.start(workspaces, store::tenants, violations, every)));
            http.start();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** The canary is in no store: a fault of its own is the server's, and stops the start. */
    private static void suspend(
            TenantId tenant, Store store, Audit audit, CloisterConfig config, List<Consumer<TenantId>> endings) {
        if (store.tenant(tenant).filter(Tenant::enabled).isEmpty()) {
            return;
        }
        store.setTenantEnabled(tenant, false);
        audit.record(
                "server",
                "tenant.suspended",
                Map.of(
                        "tenant", tenant.value(),
                        "violations", config.violations().suspendAfter().orElse(0),
                        "window_ms", config.violations().window().toMillis()));
        log.warn(
                "tenant {} was suspended for its violations; `cloister tenant resume {}` serves it again",
                tenant,
                tenant);
        endings.forEach(ending -> ending.accept(tenant));
    }

    private <T extends AutoCloseable> T owned(T part) {
        parts.push(part);
        return part;
    }

    /** The same, but it is closed behind the one that was owned last. */
    private <T extends AutoCloseable> T ownedBeneath(T part) {
        AutoCloseable above = parts.pop();
        parts.push(part);
        parts.push(above);
        return part;
    }

    private static WorkspaceRoot workspaces(CloisterConfig config, Host host, boolean keptInDisks, Refusals refusals) {
        CloisterConfig.Paths paths = config.paths();
        return keptInDisks
                ? WorkspaceRoot.keptInDisks(paths.workspaces(), host.serverUid(), refusals)
                : new WorkspaceRoot(paths.workspaces(), host.serverUid(), refusals, paths.quota());
    }

    private Optional<Egress> egress(
            CloisterConfig config,
            StoredHostCredentials credentials,
            Metrics metrics,
            Violations violations,
            Audit audit,
            Clock clock) {
        if (!config.egress().isConfigured()) {
            return Optional.empty();
        }
        Function<TenantId, EgressPolicy> policies = config.egress()
                .file()
                .<Function<TenantId, EgressPolicy>>map(
                        file -> owned(EgressRules.watch(file, EgressFile::read, audit, EGRESS_LOOKS))::of)
                .orElse(tenant -> config.egress().policy());
        EgressProxy proxy = owned(new EgressProxy(
                tenant -> credentials.with(tenant, policies.apply(tenant)),
                Resolver.ofTheHost(),
                new EgressBooks(metrics, violations, audit),
                config.egress().limits(),
                clock));
        return Optional.of(new Egress(proxy));
    }

    private static ScheduledThreadPoolExecutor timer() {
        ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().name("timer").daemon(true).factory());
        timer.setRemoveOnCancelPolicy(true);
        return timer;
    }

    private static Upstream upstream(CloisterConfig config) {
        return config.upstream()
                .url()
                .<Upstream>map(url -> new HttpUpstream(
                        url,
                        config.upstream().connectTimeout(),
                        config.upstream().responseTimeout()))
                .orElseGet(ScriptedUpstream::new);
    }

    /** The first model that is allowed by its whole name. */
    private static Optional<String> usualModel(CloisterConfig config) {
        return config.models().allowed().stream()
                .filter(pattern -> !pattern.contains("*"))
                .findFirst();
    }

    private static AgentSettings agent(CloisterConfig config) {
        Path executable = config.agent()
                .executable()
                .orElseThrow(
                        () -> CloisterException.invalid(
                                "agent.executable: the agent's program is not known; start through ./cloister, which installs it"));
        return new AgentSettings(
                executable.toString(),
                AgentSettings.PINNED_VERSION,
                ToolPolicy.of(config.policy()),
                config.agent().maxTurns(),
                config.agent().upstreamRetries());
    }

    /** A store of several tenants must not be served where they are not kept apart, whoever admitted them. */
    private static void requireWallForTenants(CloisterConfig config, IsolationChoice choice, Store store) {
        if (store.tenantCount() > 1) {
            choice.wallMissing(config.isolation().acceptWeak()).ifPresent(missing -> {
                throw missing;
            });
        }
    }

    private static void endWhatWasLeft(Store store, IsolationBackend backend, UidRanges uids, Host host) {
        store.tenants().forEach(tenant -> end(backend, tenant.id(), tenant.uid()));
        end(backend, CANARY, host.isRoot() ? uids.canary() : host.serverUid());
    }

    private static void end(IsolationBackend backend, TenantId tenant, long uid) {
        for (IsolationMode mode : IsolationMode.values()) {
            Optional<Sandbox> left = backend.recover(new SandboxRef(mode, tenant.value(), uid));
            left.ifPresent(sandbox -> {
                log.warn("ending what an earlier server left of tenant {}", tenant);
                sandbox.close();
            });
        }
    }

    private static Optional<String> warning(Guarantees guarantees) {
        return guarantees.weak()
                ? Optional.of("tenants are not isolated from each other on this server (isolation.accept-weak)")
                : Optional.empty();
    }

    /**
     * Runs the canary turn; afterwards turns are served.
     *
     * @throws CloisterException AGENT_FAILED or ISOLATION_FAILED if it did not go as it must; the server then serves no turn
     */
    public void proveAgent() {
        try {
            canary.run();
            startUp.proven();
        } catch (RuntimeException e) {
            startUp.failed(e);
            throw e;
        }
    }

    public int port() {
        return http.port();
    }

    public Guarantees guarantees() {
        return guarantees;
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            AutoCloseable part = parts.pop();
            try {
                part.close();
            } catch (Exception e) {
                log.error("a part of the server did not close", e);
            }
        }
    }
}
