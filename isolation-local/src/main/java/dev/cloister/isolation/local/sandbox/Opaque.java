package dev.cloister.isolation.local.sandbox;

import java.util.List;

/** A backend in whose sandboxes another kernel may run, so that the host's own table of processes shows nothing of them. */
public interface Opaque {
    /** The command lines of all that runs in its sandboxes now, looked at from outside; also after its server's death. */
    List<String> commands();
}
