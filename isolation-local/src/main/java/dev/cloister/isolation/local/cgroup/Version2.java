package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Source: the kernel's admin-guide/cgroup-v2.
 *
 * @param parent this server's parent group
 * @param swapBounded whether the kernel can bound swap
 */
record Version2(Path parent, Set<Controller> controllers, boolean swapBounded) implements Dialect {
    Version2 {
        controllers = Set.copyOf(controllers);
    }

    @Override
    public List<Path> parents() {
        return List.of(parent);
    }

    @Override
    public List<Setting> limits(String name, SandboxLimits limits) {
        List<Setting> settings = new ArrayList<>(5);
        if (controllers.contains(Controller.MEMORY)) {
            add(settings, name, Controller.MEMORY, "memory.max", Long.toString(limits.memory()));
            if (swapBounded) {
                add(settings, name, Controller.MEMORY, "memory.swap.max", "0");
            }
            // One process ends, and the agent can say why; with 1 the whole sandbox would be gone.
            add(settings, name, Controller.MEMORY, "memory.oom.group", "0");
        }
        if (controllers.contains(Controller.CPU)) {
            add(settings, name, Controller.CPU, "cpu.max", Dialect.quotaMicros(limits.cpus()) + " " + PERIOD_MICROS);
        }
        if (controllers.contains(Controller.PIDS)) {
            add(settings, name, Controller.PIDS, "pids.max", Integer.toString(limits.pids()));
        }
        return settings;
    }

    @Override
    public List<Setting> trial(String name) {
        return limits(name, TRIAL);
    }

    @Override
    public Set<String> controllersOf(Path any) {
        return controllers.stream().map(Controller::version2).collect(Collectors.toSet());
    }

    private void add(List<Setting> settings, String name, Controller controller, String file, String value) {
        settings.add(new Setting(controller.version2(), parent.resolve(name).resolve(file), value));
    }

    /** The peak is 0 on kernels before 5.19, which do not keep it. */
    @Override
    public Usage usage(ControlFiles kernel, String name) throws IOException {
        Path group = parent.resolve(name);
        String cpu = Dialect.readIfPresent(kernel, group.resolve("cpu.stat"));
        return new Usage(
                Duration.of(Text.keyed(cpu, "usage_usec"), ChronoUnit.MICROS),
                Duration.of(Text.keyed(cpu, "throttled_usec"), ChronoUnit.MICROS),
                Text.number(Dialect.readIfPresent(kernel, group.resolve("memory.current"))),
                Text.number(Dialect.readIfPresent(kernel, group.resolve("memory.peak"))),
                oomKills(kernel, name),
                Text.keyed(Dialect.readIfPresent(kernel, group.resolve("pids.events")), "max"));
    }

    @Override
    public long oomKills(ControlFiles kernel, String name) throws IOException {
        return Text.keyed(Dialect.readIfPresent(kernel, parent.resolve(name).resolve("memory.events")), "oom_kill");
    }
}
