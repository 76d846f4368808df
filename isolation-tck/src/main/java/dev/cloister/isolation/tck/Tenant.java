package dev.cloister.isolation.tck;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** One side of an attack. */
public interface Tenant {
    /** Its directories as the host names them: its code, its HOME. Where another kernel keeps them, the host need not have them. */
    Path work();

    Path home();

    /** Its name in its place: that of what is above its directories. */
    default String name() {
        Path tree = Objects.requireNonNull(home().toAbsolutePath().getParent());
        return String.valueOf(tree.getFileName());
    }

    /** The command lines of all that runs in its place now, where another kernel runs it and the host's table shows nothing of it. */
    default List<String> commands() throws IOException, InterruptedException {
        return List.of();
    }

    /**
     * Runs a command in its place, to its end or for as long as the engine's patience lasts.
     *
     * @return what it wrote to standard output, cut where it gets long
     */
    String run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException;

    /**
     * Has it keep a secret wherever its kind of place keeps something besides files and processes.
     *
     * @return what attacks may know of that, by name
     */
    default Map<String, String> keep(String secret) throws IOException, InterruptedException {
        return Map.of();
    }

    /** Starts a command that goes on until it is closed; the command says on standard output when it is ready. */
    AutoCloseable start(List<String> command, Map<String, String> environment, String ready)
            throws IOException, InterruptedException;
}
