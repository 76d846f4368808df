package dev.cloister.isolation.docker;

import dev.cloister.spi.IsolationException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;

/**
 * What container mode asks of an engine. Thread-safe. Every method throws an {@link IsolationException} that says what the engine
 * answered and what to do about it.
 */
interface Engine extends AutoCloseable {
    /**
     * A container that the engine knows.
     *
     * @param tenant from its label, as is {@code plan}
     * @param pid of its first process on the engine's machine; 0 unless it runs
     * @param outOfMemory whether it ended for want of memory
     */
    record Known(String id, String tenant, String plan, boolean running, long pid, boolean outOfMemory) {}

    /**
     * A program that runs in a container, by its standard streams; standard error is the log's. The streams end with the program,
     * with the container and when this is closed.
     */
    interface Attached extends AutoCloseable {
        InputStream output();

        OutputStream input();

        @Override
        void close();
    }

    /** Name and version, for people. */
    String description();

    boolean hasImage(String image);

    /** All containers of an installation, those that do not run included. */
    List<Known> containers(String installation);

    Optional<Known> container(String id);

    /** Makes a container, and does not start it. Returns its id. */
    String create(ContainerPlan plan);

    /** Nothing if it runs. */
    void start(String id);

    /** Ends all its processes at once. Nothing if it does not run, or is gone. */
    void kill(String id);

    /** Kills and removes it. Nothing if it is gone. */
    void remove(String id);

    /** Runs a program in a running container, as the container's user. */
    Attached run(String id, List<String> command);

    @Override
    void close();
}
