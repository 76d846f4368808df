package dev.cloister.core.sandbox;

import dev.cloister.core.egress.EgressProxy;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.socket.SocketServer;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Forward;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SharedDirectory;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Gives sandboxes their way to the network: the proxy's socket in a share, a port inside, and tools told of it. Thread-safe. */
public final class Egress {
    /** Squid's, which people know for a proxy's; inside nobody else listens. */
    private static final int PORT = 3128;

    private static final String URL = "http://127.0.0.1:" + PORT;

    /** Java takes no notice of the usual variables. Both names of the second: Maven before 3.9, and since. */
    private static final String JAVA =
            "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=%1$d -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=%1$d"
                            .formatted(PORT)
                    + " -Daether.connector.http.useSystemProperties=true";

    /** In both spellings: curl takes only the small one for plain HTTP. The broker is reached by its own socket. */
    private static final Map<String, String> ENVIRONMENT = Map.ofEntries(
            Map.entry("http_proxy", URL),
            Map.entry("https_proxy", URL),
            Map.entry("HTTP_PROXY", URL),
            Map.entry("HTTPS_PROXY", URL),
            Map.entry("no_proxy", "localhost,127.0.0.1,::1,broker.internal"),
            Map.entry("NO_PROXY", "localhost,127.0.0.1,::1,broker.internal"),
            // Node's own fetch, since version 24.
            Map.entry("NODE_USE_ENV_PROXY", "1"),
            Map.entry("MAVEN_OPTS", JAVA),
            Map.entry("GRADLE_OPTS", JAVA));

    private final EgressProxy proxy;

    public Egress(EgressProxy proxy) {
        this.proxy = proxy;
    }

    /**
     * The same sandbox with a way out; closing it closes that too. Takes over the sandbox, and closes it if this fails.
     *
     * @throws IsolationException if it has no network of its own: its way out would be everybody's
     */
    Sandbox open(TenantId tenant, Sandbox sandbox) {
        try {
            if (!sandbox.hasOwnNetwork()) {
                throw new IsolationException(new Finding(
                        "egress.mode cannot be had",
                        sandbox.ref().mode().id() + " mode gives sandboxes no network of their own on this host, so"
                                + " nothing would lead through the proxy",
                        "Set isolation.mode to namespaces or chroot, or egress.mode to closed."));
            }
            SharedDirectory share = sandbox.share();
            try {
                Path socket = share.host().resolve("out");
                SocketServer.Channel channel = proxy.open(socket, tenant);
                try {
                    share.admit(socket);
                    return new WithEgress(
                            sandbox, channel, new Forward(PORT, share.inner() + "/out"), own -> told(tenant, own));
                } catch (RuntimeException e) {
                    channel.close();
                    throw e;
                }
            } catch (RuntimeException e) {
                share.close();
                throw e;
            }
        } catch (RuntimeException e) {
            sandbox.close();
            throw e;
        }
    }

    /** What tools of a tenant are told now; it changes with the credentials that are kept for hosts. */
    Map<String, String> environment(TenantId tenant) {
        return told(tenant, Map.of());
    }

    /** Has git ask in plain HTTP where the proxy adds what a host wants to see, and speaks TLS. */
    private Map<String, String> told(TenantId tenant, Map<String, String> own) {
        Map<String, String> all = new TreeMap<>(ENVIRONMENT);
        all.putAll(own);
        return GitSettings.added(
                all,
                proxy.credentials(tenant).stream()
                        .map(HostCredential::insteadOf)
                        .flatMap(Optional::stream)
                        .distinct()
                        .toList());
    }

    private static final class WithEgress extends DecoratedSandbox {
        private final SocketServer.Channel channel;
        private final Forward forward;
        private final UnaryOperator<Map<String, String>> told;

        WithEgress(
                Sandbox sandbox,
                SocketServer.Channel channel,
                Forward forward,
                UnaryOperator<Map<String, String>> told) {
            super(sandbox);
            this.channel = channel;
            this.forward = forward;
            this.told = told;
        }

        @Override
        ProcessSpec changed(ProcessSpec spec) {
            return spec.withEnv(told.apply(spec.env())).withForward(forward);
        }

        /** The processes first: what they still want of the network is not worth a message. */
        @Override
        public void close() {
            try {
                super.close();
            } finally {
                channel.close();
            }
        }
    }
}
