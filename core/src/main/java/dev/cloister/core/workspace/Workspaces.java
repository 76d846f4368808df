package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.tenant.Tenant;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** The tenants' code directories for the server's own use. Thread-safe. */
public interface Workspaces {
    /** The tenant's directory, made if it is not there; its mode, owner and kind are checked at every call. */
    WorkspaceFiles files(Tenant tenant);

    /**
     * A directory with all in it as a tar stream (ustar with pax extensions); links are in it as links. The caller closes
     * the stream, whether or not it read it to its end.
     *
     * @throws CloisterException NOT_FOUND if nothing stands there, INVALID_REQUEST if it is not a directory; before the
     *     first byte
     */
    InputStream tarDown(Tenant tenant, List<String> path) throws IOException;

    /**
     * Unpacks a tar stream into a directory, made if it is not there. Entries that would leave the directory, device
     * nodes, and links to anywhere outside are refused. Reads to the end of {@code tar} and does not close it.
     *
     * @throws CloisterException INVALID_REQUEST if it is not a tar stream or an entry is refused, TOO_LARGE if the files
     *     in it have more than {@code maxBytes} together
     */
    void tarUp(Tenant tenant, List<String> path, InputStream tar, long maxBytes) throws IOException;
}
