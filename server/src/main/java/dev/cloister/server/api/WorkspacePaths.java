package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.isolation.Violations;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.workspace.WorkspaceFiles;
import dev.cloister.spi.Guarantee;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Reads the paths that clients name; one that would lead out of the workspace is reported as well as refused. Thread-safe. */
final class WorkspacePaths {
    private final Violations violations;
    private final int maxPath;

    /** @param maxPath how long a path may be, in characters */
    WorkspacePaths(Violations violations, int maxPath) {
        this.violations = violations;
        this.maxPath = maxPath;
    }

    /** @throws CloisterException INVALID_REQUEST if it is not a plain path below the workspace */
    List<String> components(Tenant tenant, String requestId, String path) {
        try {
            if (path.indexOf('\\') >= 0) {
                throw CloisterException.invalid("the path must not hold backslashes; separate its components with /");
            }
            return WorkspaceFiles.components(path, maxPath);
        } catch (CloisterException e) {
            if (path.startsWith("/") || Arrays.asList(path.split("[/\\\\]", -1)).contains("..")) {
                violations.observed(
                        tenant.id(),
                        Guarantee.FILES_OF_OTHERS_UNREADABLE,
                        "a path that leads out of the workspace",
                        Map.of("request_id", requestId));
            }
            throw e;
        }
    }
}
