package dev.cloister.cli;

import dev.cloister.cli.wiring.Tenancy;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.Map;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The tenants, for the operator. Works while the server runs and while it does not. */
@Command(name = "tenant", description = "Add, list and manage tenants.", mixinStandardHelpOptions = true)
final class TenantCommand {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before any command
    private CommandSpec spec;

    @Command(name = "add", description = "Make a tenant and print its key, which is shown this once only.")
    int add(@Mixin ConfigurationOptions configuration, @Parameters(paramLabel = "NAME") String name) {
        return with(configuration, tenancy -> {
            Tenancy.Issued issued = tenancy.add(name);
            out().println("tenant " + issued.tenant().id() + " (" + name + ")");
            out().println("key    " + issued.key());
            out().println("The key is shown this once. The client sends it as its API key or bearer token.");
        });
    }

    @Command(name = "list", description = "List all tenants.")
    int list(
            @Mixin ConfigurationOptions configuration,
            @Option(names = "--json", description = "Print one JSON object per line.") boolean json) {
        return with(
                configuration,
                tenancy -> tenancy.list()
                        .forEach(tenant -> out().println(json ? report(tenant).toString() : line(tenant))));
    }

    @Command(name = "rotate", description = "Give a tenant a new key; its old credentials stop working.")
    int rotate(@Mixin ConfigurationOptions configuration, @Parameters(paramLabel = "TENANT") String tenant) {
        return with(configuration, tenancy -> {
            out().println("key    " + tenancy.rotate(new TenantId(tenant)));
            out().println("The key is shown this once. All earlier credentials of the tenant are forgotten.");
        });
    }

    @Command(name = "suspend", description = "Refuse a tenant's requests from now on.")
    int suspend(@Mixin ConfigurationOptions configuration, @Parameters(paramLabel = "TENANT") String tenant) {
        return with(configuration, tenancy -> tenancy.enable(new TenantId(tenant), false));
    }

    @Command(name = "resume", description = "Serve a suspended tenant again.")
    int resume(@Mixin ConfigurationOptions configuration, @Parameters(paramLabel = "TENANT") String tenant) {
        return with(configuration, tenancy -> tenancy.enable(new TenantId(tenant), true));
    }

    @Command(name = "remove", description = "Delete a tenant with its sessions and all its files.")
    int remove(
            @Mixin ConfigurationOptions configuration,
            @Parameters(paramLabel = "TENANT") String tenant,
            @Option(names = "--yes", required = true, description = "Say that all its files may be deleted for ever.")
                    boolean sure) {
        return with(configuration, tenancy -> tenancy.remove(new TenantId(tenant)));
    }

    private int with(ConfigurationOptions configuration, Consumer<Tenancy> action) {
        CloisterConfig config = configuration.load(Map.of());
        try (Tenancy tenancy = Tenancy.open(config)) {
            action.accept(tenancy);
        } finally {
            out().flush();
        }
        return 0;
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    private static String line(Tenant tenant) {
        return "%s  uid %-10d  %s  %-9s  %s"
                .formatted(
                        tenant.id(),
                        tenant.uid(),
                        Instant.ofEpochMilli(tenant.createdAt()),
                        tenant.enabled() ? "active" : "suspended",
                        tenant.name());
    }

    private static ObjectNode report(Tenant tenant) {
        return JsonMapper.shared()
                .createObjectNode()
                .put("id", tenant.id().value())
                .put("name", tenant.name())
                .put("uid", tenant.uid())
                .put("enabled", tenant.enabled())
                .put("created_at", tenant.createdAt());
    }
}
