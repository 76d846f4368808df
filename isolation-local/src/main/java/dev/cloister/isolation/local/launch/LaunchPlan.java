package dev.cloister.isolation.local.launch;

import dev.cloister.spi.Forward;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * All layers behind which one process is to run, decided without any I/O. The launcher applies every one of them or does not
 * start the process.
 *
 * @param ids the uid and gid to take; empty where the server can give no other than its own
 * @param namespaces which ones are new
 * @param root what the process finds as its file system; empty: the host's
 * @param limits per process
 * @param landlock the files it may use, on top of what their modes say; empty where the kernel has no Landlock
 * @param cgroups the {@code cgroup.procs} files of the groups that it joins
 * @param tmp a directory made for it, 0700, and removed after it; empty where its {@code /tmp} is its own
 * @param forward the one way out of a network namespace
 * @param expose the one way into it: a socket that is made there, of the server's alone
 * @param directory where it starts
 * @param environment all of it; handed over by the server's socket and never on a command line
 * @param command program and arguments
 */
public record LaunchPlan(
        Optional<Ids> ids,
        Set<Namespace> namespaces,
        Optional<Root> root,
        List<Limit> limits,
        Optional<Landlock> landlock,
        SystemCalls systemCalls,
        List<Path> cgroups,
        Optional<String> tmp,
        Optional<Forward> forward,
        Optional<Path> expose,
        String directory,
        Map<String, String> environment,
        List<String> command) {
    public LaunchPlan {
        namespaces = Collections.unmodifiableSet(
                namespaces.isEmpty() ? EnumSet.noneOf(Namespace.class) : EnumSet.copyOf(namespaces));
        limits = List.copyOf(limits);
        cgroups = List.copyOf(cgroups);
        environment = Map.copyOf(environment);
        command = List.copyOf(command);
    }

    /** A plan without any layer but the ids, for trying what the layers are for. */
    public static LaunchPlan bare(Optional<Ids> ids, Map<String, String> environment, List<String> command) {
        return new LaunchPlan(
                ids,
                Set.of(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                SystemCalls.UNFILTERED,
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                "/",
                environment,
                command);
    }

    public LaunchPlan withNamespaces(Set<Namespace> others) {
        return changed(draft -> draft.namespaces = others);
    }

    public LaunchPlan withRoot(Optional<Root> other) {
        return changed(draft -> draft.root = other);
    }

    public LaunchPlan withLimits(List<Limit> others) {
        return changed(draft -> draft.limits = others);
    }

    public LaunchPlan withLandlock(Optional<Landlock> other) {
        return changed(draft -> draft.landlock = other);
    }

    public LaunchPlan withSystemCalls(SystemCalls other) {
        return changed(draft -> draft.systemCalls = other);
    }

    public LaunchPlan withCgroups(List<Path> others) {
        return changed(draft -> draft.cgroups = others);
    }

    public LaunchPlan withIds(Optional<Ids> other) {
        return changed(draft -> draft.ids = other);
    }

    public LaunchPlan withExpose(Path socket) {
        return changed(draft -> draft.expose = Optional.of(socket));
    }

    private LaunchPlan changed(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.plan();
    }

    /** A copy of a plan that can be changed. */
    private static final class Draft {
        private final LaunchPlan original;
        private Optional<Ids> ids;
        private Set<Namespace> namespaces;
        private Optional<Root> root;
        private List<Limit> limits;
        private Optional<Landlock> landlock;
        private SystemCalls systemCalls;
        private List<Path> cgroups;
        private Optional<Path> expose;

        Draft(LaunchPlan original) {
            this.original = original;
            this.ids = original.ids;
            this.namespaces = original.namespaces;
            this.root = original.root;
            this.limits = original.limits;
            this.landlock = original.landlock;
            this.systemCalls = original.systemCalls;
            this.cgroups = original.cgroups;
            this.expose = original.expose;
        }

        LaunchPlan plan() {
            return new LaunchPlan(
                    ids,
                    namespaces,
                    root,
                    limits,
                    landlock,
                    systemCalls,
                    cgroups,
                    original.tmp,
                    original.forward,
                    expose,
                    original.directory,
                    original.environment,
                    original.command);
        }
    }

    public record Ids(long uid, long gid) {}

    /** A limit of setrlimit(2), by the launcher's name for it. */
    public record Limit(String name, long value) {}

    /**
     * A file system that shows only what the steps bring in.
     *
     * @param base an empty directory of the host below which no step's source lies; the new root is mounted there, seen by
     *     the launched process alone
     * @param template a directory of the host, read-only; a place for each step stands in it already
     */
    public record Root(Path base, Path template, List<Step> steps) {
        public Root {
            steps = List.copyOf(steps);
        }
    }

    /** One thing in the new root, at an absolute inner path. */
    public sealed interface Step {
        record Readable(Path source, String path) implements Step {}

        record Writable(Path source, String path) implements Step {}

        record Device(String path) implements Step {}

        record Temporary(long bytes, String path) implements Step {}

        record Processes(String path) implements Step {}
    }

    /** @param readable inner paths below which files may be read and run; {@code writable} likewise, and changed */
    public record Landlock(LandlockLevel level, List<String> readable, List<String> writable) {
        public Landlock {
            readable = List.copyOf(readable);
            writable = List.copyOf(writable);
        }
    }

    /** How much of Landlock the kernel has; each holds what stands before it. */
    public enum LandlockLevel {
        FILES("files"),
        TCP("files,tcp"),
        SCOPES("files,tcp,scope");

        private final String id;

        LandlockLevel(String id) {
            this.id = id;
        }

        String id() {
            return id;
        }
    }

    public enum SystemCalls {
        UNFILTERED,
        /** Without those that reach beyond the sandbox. */
        FILTERED,
        /** Also without those that would reach through the host's network and IPC namespaces. */
        FILTERED_SHARED
    }
}
