package dev.cloister.core.sandbox;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.metrics.Metrics;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.workspace.Workspace;
import dev.cloister.core.workspace.WorkspaceRoot;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxSpec;
import java.nio.channels.SocketChannel;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One sandbox for each tenant that does something now, shared by all that it does, and closed with the last of it: then
 * nothing of the tenant runs any more. Thread-safe.
 */
public final class Sandboxes implements Ports, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Sandboxes.class);
    private static final int STRIPES = 64;

    private final WorkspaceRoot workspaces;
    private final IsolationBackend backend;
    private final Metrics metrics;
    private final UsageBooks books;
    private final Optional<Egress> egress;
    private final boolean exposed;
    /** Opening and closing one tenant's sandbox exclude each other; those of others go on. */
    private final ReentrantLock[] stripes =
            Stream.generate(ReentrantLock::new).limit(STRIPES).toArray(ReentrantLock[]::new);

    private final Map<TenantId, Shared> shared = new HashMap<>();

    private static final class Shared {
        final Sandbox sandbox;
        int users;
        SandboxUsage lastReading = SandboxUsage.NONE;

        Shared(Sandbox sandbox) {
            this.sandbox = sandbox;
        }
    }

    /**
     * @param egress empty: sandboxes reach nothing of the network
     * @param exposed whether the server reaches what listens in sandboxes
     */
    public Sandboxes(
            WorkspaceRoot workspaces,
            IsolationBackend backend,
            Metrics metrics,
            UsageBooks books,
            Optional<Egress> egress,
            boolean exposed) {
        this.egress = egress;
        this.exposed = exposed;
        this.workspaces = workspaces;
        this.backend = backend;
        this.metrics = metrics;
        this.books = books;
    }

    /** The use of a tenant's sandbox. Close it when done; idempotent. */
    public final class Use implements AutoCloseable {
        private final TenantId tenant;
        private final Sandbox sandbox;
        private boolean closed;

        private Use(TenantId tenant, Sandbox sandbox) {
            this.tenant = tenant;
            this.sandbox = sandbox;
        }

        public Sandbox sandbox() {
            return sandbox;
        }

        /** What a process that is launched now is told besides its own; one that was launched earlier may know it otherwise. */
        public Map<String, String> surroundings() {
            return egress.map(out -> out.environment(tenant)).orElse(Map.of());
        }

        @Override
        public void close() {
            release(this);
        }
    }

    /**
     * Opens the tenant's workspace, which checks it, and its sandbox.
     *
     * @throws dev.cloister.core.error.CloisterException if the workspace is not as it must be
     * @throws dev.cloister.spi.IsolationException if the sandbox cannot be made with every layer
     */
    public Use use(Tenant tenant) {
        ReentrantLock stripe = stripe(tenant.id());
        stripe.lock();
        try {
            Workspace workspace = workspaces.open(tenant.id(), tenant.uid());
            @Nullable Shared found = sharedBy(tenant.id());
            if (found == null) {
                clearTemporary(workspace);
                Sandbox sandbox = backend.prepare(new SandboxSpec(
                        tenant.id().value(), tenant.uid(), workspace.work(), workspace.home(), workspace.tmp()));
                Sandbox led = egress.map(out -> out.open(tenant.id(), sandbox)).orElse(sandbox);
                found = new Shared(exposed ? new WithPorts(led) : led);
                synchronized (shared) {
                    shared.put(tenant.id(), found);
                }
                metrics.activeWorkspaces().incrementAndGet();
            }
            found.users++;
            return new Use(tenant.id(), found.sandbox);
        } finally {
            stripe.unlock();
        }
    }

    /** Whether what tenants have is reached by their sandboxes alone: see {@link IsolationBackend#keepsFiles}. */
    boolean keepFiles() {
        return backend.keepsFiles();
    }

    private @Nullable Shared sharedBy(TenantId tenant) {
        synchronized (shared) {
            return shared.get(tenant);
        }
    }

    private static final class WithPorts extends DecoratedSandbox {
        WithPorts(Sandbox sandbox) {
            super(sandbox);
        }

        @Override
        ProcessSpec changed(ProcessSpec spec) {
            return spec.withExposed();
        }
    }

    @Override
    public Optional<SocketChannel> connect(TenantId tenant, int port) {
        @Nullable Shared found = sharedBy(tenant);
        return found == null ? Optional.empty() : found.sandbox.connect(port);
    }

    /** Ends all that runs for a tenant now. What was started there ends as if it had been killed. */
    public void end(TenantId tenant) {
        @Nullable Shared found = sharedBy(tenant);
        if (found != null) {
            found.sandbox.close();
        }
    }

    /** What a killed server or a killed supervisor left there; it is no reason to keep the tenant out. */
    private void clearTemporary(Workspace workspace) {
        try {
            workspaces.clearTemporary(workspace);
        } catch (CloisterException e) {
            log.warn("not everything in tmp of tenant {} could be removed: {}", workspace.tenant(), e.getMessage());
        }
    }

    private void release(Use use) {
        ReentrantLock stripe = stripe(use.tenant);
        stripe.lock();
        try {
            if (use.closed) {
                return;
            }
            use.closed = true;
            @Nullable Shared held = sharedBy(use.tenant);
            if (held == null) {
                return;
            }
            read(use.tenant, held);
            if (--held.users > 0) {
                return;
            }
            synchronized (shared) {
                shared.remove(use.tenant);
            }
            metrics.activeWorkspaces().decrementAndGet();
            held.sandbox.close();
        } finally {
            stripe.unlock();
        }
    }

    /** At the end of each use, when its answer is on the way; a sandbox that is closed has forgotten what it counted. */
    private void read(TenantId tenant, Shared held) {
        try {
            held.sandbox.usage().map(SandboxUsage::of).ifPresent(now -> {
                books.book(tenant, now.since(held.lastReading));
                held.lastReading = now;
            });
        } catch (RuntimeException e) {
            log.warn("what tenant {} used could not be read", tenant, e);
        }
    }

    private ReentrantLock stripe(TenantId tenant) {
        return stripes[Math.floorMod(tenant.hashCode(), STRIPES)];
    }

    @Override
    public void close() {
        backend.close();
    }
}
