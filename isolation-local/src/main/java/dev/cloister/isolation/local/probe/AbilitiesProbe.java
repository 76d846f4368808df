package dev.cloister.isolation.local.probe;

import dev.cloister.isolation.local.host.Abilities;
import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.jail.JailSpec;
import dev.cloister.isolation.local.jail.JailTemplates;
import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.LaunchPlan.Landlock;
import dev.cloister.isolation.local.launch.LaunchPlan.LandlockLevel;
import dev.cloister.isolation.local.launch.LaunchPlan.SystemCalls;
import dev.cloister.isolation.local.launch.LaunchedProcess;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Namespace;
import dev.cloister.isolation.local.plan.Blueprint;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.local.plan.PrivateRootBlueprint;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Tries each layer through the launcher and looks for its effect. That a call succeeded says nothing: there are kernels that
 * answer "done" to a new mount namespace and go on with the old one.
 */
public final class AbilitiesProbe {
    private static final String READABLE = "cat \"$1\" >/dev/null 2>&1 && echo readable; echo done";
    private static final String FILTERED = "grep '^Seccomp:' /proc/self/status";
    /** What a process with namespaces of its own sees; one line for each, its name first. */
    private static final String LOOK_AROUND = """
            echo "pid $$"
            test -e "$1" && echo "marker seen"
            while read -r name rest; do case "$name" in *:) echo "interface $name";; esac; done < /proc/net/dev
            read -r name < /proc/sys/kernel/hostname; echo "hostname $name"
            read -r first rest < /proc/self/uid_map; echo "user $first $rest"
            for n in ipc cgroup; do echo "$n $(readlink /proc/self/ns/$n)"; done
            """;

    private final Host host;
    private final IsolationConfig config;
    private final Site site;
    private final Launcher launcher;
    private final SandboxSpec tenant;
    private final Path marker;
    private final List<Finding> findings = new ArrayList<>();

    private AbilitiesProbe(Host host, IsolationConfig config, Site site, Launcher launcher) throws IOException {
        this.host = host;
        this.config = config;
        this.site = site;
        this.launcher = launcher;
        this.tenant = site.tenant("t", 0);
        this.marker = Files.writeString(site.root().resolve("marker"), "seen\n");
    }

    /** @throws IsolationException if not even an unconfined process can be started */
    public static Abilities run(Host host, IsolationConfig config) {
        try (Site site = Site.make(host);
                Launcher launcher = Launcher.open(site.runRoot())) {
            return new AbilitiesProbe(host, config, site, launcher).probe();
        } catch (IOException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(e);
        }
    }

    private static IsolationException failed(Exception e) {
        return new IsolationException(
                new Finding("this host could not be looked at", e.toString(), "Check the server's scratch directory."),
                e);
    }

    private Abilities probe() throws IOException, InterruptedException {
        Site.outputOf(start(plan("true")));
        boolean filter = filters();
        Optional<LandlockLevel> landlock = landlock();
        Set<Namespace> namespaces = namespaces(filter);
        return new Abilities(
                host.isRoot(), namespaces, namespaces.contains(Namespace.MOUNT), landlock, filter, findings);
    }

    private LaunchPlan plan(String script) {
        return LaunchPlan.bare(
                CommonLayers.ids(tenant, host.isRoot()),
                Map.of("PATH", CommonLayers.PATH),
                List.of("/bin/sh", "-c", script, "probe", marker.toString()));
    }

    private LaunchedProcess start(LaunchPlan plan) {
        return launcher.launch(plan, () -> {}, UnaryOperator.identity());
    }

    private boolean filters() throws IOException, InterruptedException {
        try {
            String status = Site.outputOf(start(plan(FILTERED).withSystemCalls(SystemCalls.FILTERED_SHARED)));
            if (status.strip().endsWith("2")) {
                return true;
            }
            findings.add(new Finding(
                    "system calls cannot be filtered",
                    "the filter was taken, and the process says " + status.strip(),
                    "A kernel with CONFIG_SECCOMP_FILTER has them."));
        } catch (IsolationException e) {
            findings.add(e.finding());
        }
        return false;
    }

    private Optional<LandlockLevel> landlock() throws IOException, InterruptedException {
        Optional<IsolationException> last = Optional.empty();
        for (LandlockLevel level : List.of(LandlockLevel.SCOPES, LandlockLevel.TCP, LandlockLevel.FILES)) {
            try {
                if (hides(level)) {
                    return Optional.of(level);
                }
                findings.add(new Finding(
                        "Landlock is without effect",
                        "it was applied, and a file that it should have hidden could be read",
                        "Report it with the kernel's version."));
                return Optional.empty();
            } catch (IsolationException e) {
                last = Optional.of(e);
            }
        }
        last.map(IsolationException::finding).ifPresent(findings::add);
        return Optional.empty();
    }

    /** The same file, which all may read, with a rule for it and without one. */
    private boolean hides(LandlockLevel level) throws IOException, InterruptedException {
        List<String> system = new ArrayList<>(SystemFiles.ofHost().readable());
        List<String> more = new ArrayList<>(system);
        more.add(marker.toString());
        boolean without = Site.outputOf(start(confined(level, system))).contains("readable");
        boolean with = Site.outputOf(start(confined(level, more))).contains("readable");
        return with && !without;
    }

    private LaunchPlan confined(LandlockLevel level, List<String> readable) {
        return plan(READABLE).withLandlock(Optional.of(new Landlock(level, readable, List.of("/dev/null"))));
    }

    /** The largest set that can be made at once and whose mount namespace has a root of its own. */
    private Set<Namespace> namespaces(boolean filter) throws IOException, InterruptedException {
        Optional<Finding> first = Optional.empty();
        for (Set<Namespace> attempt : attempts()) {
            try {
                Set<Namespace> seen = effective(attempt, filter);
                Set<Namespace> hollow = EnumSet.copyOf(attempt);
                hollow.removeAll(seen);
                if (!hollow.isEmpty()) {
                    findings.add(new Finding(
                            "some namespaces of this host are without effect: " + hollow,
                            "they were made, and what they should hide could be seen",
                            "Another kernel, or another version of the container's runtime, may have them."));
                }
                return seen;
            } catch (IsolationException e) {
                first = first.or(() -> Optional.of(e.finding()));
            }
        }
        first.ifPresent(findings::add);
        return Set.of();
    }

    /** From the most to the least; only root can do without a user namespace. */
    private List<Set<Namespace>> attempts() {
        Set<Namespace> all = EnumSet.allOf(Namespace.class);
        List<Set<Namespace>> attempts = new ArrayList<>();
        attempts.add(all);
        attempts.add(without(all, Namespace.CGROUP));
        attempts.add(without(all, Namespace.CGROUP, Namespace.UTS));
        if (host.isRoot()) {
            attempts.add(without(all, Namespace.USER));
            attempts.add(EnumSet.of(Namespace.MOUNT));
        }
        return attempts;
    }

    private static Set<Namespace> without(Set<Namespace> all, Namespace... some) {
        Set<Namespace> left = EnumSet.copyOf(all);
        left.removeAll(Set.of(some));
        return left;
    }

    private Set<Namespace> effective(Set<Namespace> attempt, boolean filter) throws IOException, InterruptedException {
        Abilities assumed = new Abilities(host.isRoot(), attempt, true, Optional.empty(), filter, List.of());
        SystemFiles system = SystemFiles.ofHost();
        Path frame =
                new JailTemplates(config.jails(), progress -> {}).require(JailSpec.ofFrame(config.programs(), system));
        Blueprint blueprint =
                PrivateRootBlueprint.namespaces(new PrivateRoot(config, assumed, launcher.base()), frame, system);
        Path share = Files.createDirectories(site.root().resolve("share"));
        for (Map.Entry<String, String> file : blueprint.furnishing(tenant).entrySet()) {
            Files.writeString(share.resolve(file.getKey()), file.getValue());
        }
        LaunchPlan plan = blueprint.plan(
                tenant,
                new ProcessSpec(
                        List.of("/bin/sh", "-c", LOOK_AROUND, "probe", marker.toString()),
                        Map.of(),
                        PrivateRoot.PATHS.work()),
                share,
                List.of(),
                "probe");
        List<String> lines = Site.outputOf(start(plan)).lines().toList();
        Set<Namespace> seen = EnumSet.noneOf(Namespace.class);
        for (Namespace namespace : attempt) {
            if (hasEffect(namespace, lines)) {
                seen.add(namespace);
            }
        }
        return seen;
    }

    private boolean hasEffect(Namespace namespace, List<String> lines) throws IOException {
        return switch (namespace) {
            case USER -> !lines.contains("user " + fields(Path.of("/proc/self/uid_map")));
            case MOUNT -> !lines.contains("marker seen");
            case PID -> lines.stream().anyMatch(line -> line.matches("pid [1-9]"));
            case NET ->
                lines.stream().filter(line -> line.startsWith("interface ")).allMatch("interface lo:"::equals);
            case UTS -> lines.contains("hostname cloister");
            case IPC -> differs(lines, "ipc");
            case CGROUP -> differs(lines, "cgroup");
        };
    }

    private static String fields(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .findFirst()
                .map(line -> line.strip().replaceAll("\\s+", " "))
                .orElse("");
    }

    /** Namespaces have numbers, which the link's target names. */
    private static boolean differs(List<String> lines, String name) throws IOException {
        Path own = Path.of("/proc/self/ns").resolve(name);
        if (!Files.isSymbolicLink(own)) {
            return false;
        }
        return lines.stream()
                .filter(line -> line.startsWith(name + " "))
                .allMatch(line -> line.length() > name.length() + 1 && !line.equals(name + " " + readLink(own)));
    }

    private static String readLink(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return "";
        }
    }
}
