package dev.cloister.isolation.tck;

import java.util.Locale;

/** What kind of way in an attack tries. */
public enum Family {
    DIRECT_READS("direct file read"),
    INTERPRETERS("python/node exec"),
    COMPILED("compiled programs"),
    LINKS("symlinks"),
    PROC("process file system"),
    SESSIONS("sessions leak"),
    TRACES("cache/logs leak"),
    SERVER("the server's own state"),
    PROCESSES("signals and tracing"),
    IPC("shared memory and sockets"),
    NETWORK("network"),
    PRIVILEGES("privileges and kernel surface"),
    RESOURCES("exhaustion"),
    REMAINS("what outlives its turn"),
    EGRESS("ways around the egress proxy"),
    BROKER("abuse of the broker"),
    AGENT("the agent and hostile workspaces"),
    API("files and commands by the API");

    private final String title;

    Family(String title) {
        this.title = title;
    }

    /** For people. */
    public String title() {
        return title;
    }

    /** For the command line and reports. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
