package dev.cloister.isolation.local.sandbox;

import dev.cloister.spi.ProcessSpec;
import java.util.List;

/** A sandbox whose launches can be timed without the server around them. */
public interface Measurable {
    /**
     * The launcher's command line for a process, with every layer that {@code launch} would put around it and the same control
     * groups. Only the reporting is missing: nobody is told how it goes but standard error, and the environment stands on the
     * command line for all to see, so nothing secret may be in it. It can be run again and again, one run at a time, by the
     * server's own user and until the sandbox is closed; a run's end is the end of all that it started.
     */
    List<String> commandLine(ProcessSpec process);
}
