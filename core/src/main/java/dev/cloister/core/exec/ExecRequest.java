package dev.cloister.core.exec;

import dev.cloister.core.tenant.Tenant;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A command to run in the tenant's sandbox.
 *
 * @param cwd relative to the workspace's code directory; empty for that directory itself
 * @param stdin given to the command, then closed
 */
public record ExecRequest(
        Tenant tenant,
        String requestId,
        List<String> command,
        byte[] stdin,
        Map<String, String> env,
        String cwd,
        Duration timeout) {
    public ExecRequest {
        command = List.copyOf(command);
        env = Map.copyOf(env);
    }
}
