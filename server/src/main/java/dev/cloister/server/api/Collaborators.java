package dev.cloister.server.api;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.egress.HostCredentials;
import dev.cloister.core.exec.Execs;
import dev.cloister.core.isolation.Guarantees;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.sandbox.Ports;
import dev.cloister.core.session.Sessions;
import dev.cloister.core.tenant.Authenticator;
import dev.cloister.core.turn.Turns;
import dev.cloister.core.workspace.Workspaces;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the HTTP server works with. It owns none of them and closes none of them; all are thread-safe.
 *
 * @param warning a sentence for the header {@code Cloister-Warning} of every answer; empty where isolation is not weak
 */
public record Collaborators(
        CloisterConfig config,
        Authenticator authenticator,
        Turns turns,
        Execs execs,
        Sessions sessions,
        Workspaces workspaces,
        UsageSource usage,
        HostCredentials credentials,
        Ports ports,
        Supplier<Guarantees> guarantees,
        Supplier<Readiness> readiness,
        Supplier<Optional<String>> warning,
        Violations violations,
        PrometheusMeterRegistry meters) {}
