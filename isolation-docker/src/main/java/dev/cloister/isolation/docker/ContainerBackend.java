package dev.cloister.isolation.docker;

import dev.cloister.isolation.local.guest.GuestBackend;
import dev.cloister.isolation.local.guest.GuestSandbox;
import dev.cloister.isolation.local.guest.GuestSandbox.Layers;
import dev.cloister.isolation.local.guest.IdleTimers;
import dev.cloister.isolation.local.guest.LeftGuest;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxRef;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The containers of one installation. A container is made at its tenant's first use and goes on running between uses; when nobody
 * used it for a while it is stopped, and removed when nobody did for much longer. When the server stops all are removed, for they hold
 * nothing that is worth keeping. Those of a server that was killed are taken over. Owns the engine. Thread-safe for different tenants.
 */
final class ContainerBackend implements GuestBackend {
    private static final Logger log = LoggerFactory.getLogger(ContainerBackend.class);

    /** How many times the time until it is stopped one that was stopped stays: to start it is cheaper than to make another. */
    private static final int STOPPED = 10;

    private static final List<String> LOOK =
            List.of("/bin/sh", "-c", "for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done 2>/dev/null");

    private static final List<String> ONE_TOO_MANY = List.of("/usr/bin/env", "python3", "-c", """
            import os, resource
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            try:
                if os.fork() == 0: os._exit(0)
                print("forked")
            except BlockingIOError:
                print("refused")
            """);

    private final Engine engine;
    private final ContainerOptions options;
    private final IsolationConfig config;
    private final String installation;
    private final boolean ownUids;
    private final Places places;
    /** Those of an earlier server that nobody has asked for yet. */
    private final Map<String, Engine.Known> found = new ConcurrentHashMap<>();

    private final Map<String, TenantContainer> containers = new ConcurrentHashMap<>();
    private final IdleTimers resting;
    private final Set<GuestSandbox> open = ConcurrentHashMap.newKeySet();

    /**
     * @param installation tells this server's containers from those of others at the same engine
     * @param ownUids whether each tenant has a uid of its own
     */
    ContainerBackend(
            Engine engine, ContainerOptions options, IsolationConfig config, String installation, boolean ownUids) {
        this.engine = engine;
        this.options = options;
        this.config = config;
        this.installation = installation;
        this.ownUids = ownUids;
        this.places = Places.in(config.jails());
        this.resting = new IdleTimers(options.idle());
        for (Engine.Known known : engine.containers(installation)) {
            found.put(known.tenant(), known);
            resting.start(known.tenant(), () -> forget(known.tenant()));
        }
    }

    @Override
    public boolean bounds(Sandbox sandbox) {
        @Nullable TenantContainer container = containers.get(sandbox.ref().name());
        return container != null
                && container
                        .cgroup()
                        .map(group -> group.bounds(container.plan().limitsOnHost()))
                        .orElse(false)
                && (!container.plan().hasOwnKernel() || boundsProcesses(sandbox));
    }

    /** What passes for a kernel need not heed that limit. */
    private static boolean boundsProcesses(Sandbox sandbox) {
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(ONE_TOO_MANY, Map.of(), sandbox.paths().work()));
        try (InputStream out = process.stdout()) {
            process.stdin().close();
            String said = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            return said.strip().equals("refused");
        } catch (IOException e) {
            return false;
        } finally {
            process.terminate(Duration.ZERO);
        }
    }

    String installation() {
        return installation;
    }

    @Override
    public Sandbox prepare(SandboxSpec spec) {
        resting.cancel(spec.name());
        try {
            TenantContainer container = containers.compute(spec.name(), (name, old) -> container(spec, old));
            GuestSandbox sandbox = new GuestSandbox(
                    new SandboxRef(IsolationMode.CONTAINER, spec.name(), spec.uid()),
                    container,
                    new Layers(
                            Optional.empty(),
                            CommonLayers.limits(
                                    config.limits(), container.plan().hasOwnKernel(), List.of()),
                            List.of()),
                    config.runRoot(),
                    closed -> closed(closed, container));
            container.guest();
            open.add(sandbox);
            return sandbox;
        } catch (RuntimeException e) {
            @Nullable TenantContainer made = containers.get(spec.name());
            if (made == null) {
                resting.start(spec.name(), () -> forget(spec.name()));
            } else {
                made.rest();
                rested(made);
            }
            throw e;
        }
    }

    /** One that is in use from now on. */
    private TenantContainer container(SandboxSpec spec, @Nullable TenantContainer old) {
        Path place = places.prepared(spec);
        ContainerPlan plan = ContainerPlan.of(installation, options, config, spec, places.programs(), place);
        if (old != null && old.plan().equals(plan)) {
            old.use();
            return old;
        }
        if (old != null) {
            old.remove();
        }
        TenantContainer made = TenantContainer.of(
                engine, plan, () -> places.share(spec, ownUids), Optional.ofNullable(found.get(plan.tenant())));
        found.remove(plan.tenant());
        made.use();
        return made;
    }

    private void closed(GuestSandbox sandbox, TenantContainer container) {
        open.remove(sandbox);
        rested(container);
    }

    private void rested(TenantContainer container) {
        String tenant = container.plan().tenant();
        resting.start(tenant, () -> {
            container.stop();
            resting.start(tenant, STOPPED, () -> containers.computeIfPresent(tenant, (name, now) -> remaining(now)));
        });
    }

    /** Nothing if it was not in use, and is gone. */
    private @Nullable TenantContainer remaining(TenantContainer container) {
        if (!container.removeUnused()) {
            return container;
        }
        places.remove(container.plan().tenant());
        return null;
    }

    private void forget(String tenant) {
        Engine.@Nullable Known left = found.remove(tenant);
        if (left != null) {
            log.info("removing the container that an earlier server left of tenant {}", tenant);
            engine.remove(left.id());
            places.remove(tenant);
        }
    }

    /** One that runs is emptied, and waits for its tenant as one of this server's own does. */
    @Override
    public Optional<Sandbox> recover(SandboxRef ref) {
        Engine.@Nullable Known left = found.get(ref.name());
        return ref.mode() == IsolationMode.CONTAINER && left != null && left.running()
                ? Optional.of(new LeftGuest(ref, () -> empty(left)))
                : Optional.empty();
    }

    /** A guest begins by ending what was left before it, and this one ends at once. */
    private void empty(Engine.Known left) {
        try (Engine.Attached guest =
                engine.run(left.id(), List.of(ContainerPlan.PROGRAMS + "/cloister-guest", "--alone"))) {
            guest.output().read();
        } catch (IOException e) {
            engine.kill(left.id());
        }
    }

    /** By a program of its own in each container, past the guest. */
    @Override
    public List<String> commands() {
        List<String> all = new ArrayList<>();
        for (Engine.Known known : engine.containers(installation)) {
            if (known.running()) {
                try (Engine.Attached look = engine.run(known.id(), LOOK)) {
                    new String(look.output().readAllBytes(), StandardCharsets.UTF_8)
                            .lines()
                            .forEach(all::add);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
        return all;
    }

    @Override
    public void die() {
        containers.values().forEach(TenantContainer::abandon);
    }

    @Override
    public void close() {
        resting.close();
        Set.copyOf(open).forEach(GuestSandbox::close);
        containers.clear();
        try (engine) {
            for (Engine.Known known : engine.containers(installation)) {
                engine.remove(known.id());
                places.remove(known.tenant());
            }
        } catch (IsolationException e) {
            Finding why = e.finding();
            log.warn("containers are left, because {} ({})", why.what(), why.why());
        }
    }
}
