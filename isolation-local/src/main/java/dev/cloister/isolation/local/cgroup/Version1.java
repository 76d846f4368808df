package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.SandboxLimits;
import dev.cloister.spi.Usage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Source: the kernel's admin-guide/cgroup-v1 and scheduler/sched-bwc.
 *
 * @param parentOf this server's parent group by controller
 * @param parents the same, each once
 * @param swapBounded whether the kernel can bound memory and swap together
 */
record Version1(Map<String, Path> parentOf, List<Path> parents, boolean swapBounded) implements Dialect {
    Version1(Map<String, Path> parentOf, boolean swapBounded) {
        this(
                Map.copyOf(parentOf),
                parentOf.values().stream().distinct().sorted().toList(),
                swapBounded);
    }

    @Override
    public Set<Controller> controllers() {
        EnumSet<Controller> found = EnumSet.noneOf(Controller.class);
        for (Controller controller : Controller.values()) {
            if (parentOf.containsKey(controller.version1())) {
                found.add(controller);
            }
        }
        return Collections.unmodifiableSet(found);
    }

    @Override
    public List<Setting> limits(String name, SandboxLimits limits) {
        List<Setting> settings = new ArrayList<>(5);
        String memory = Long.toString(limits.memory());
        add(settings, name, "memory", "memory.limit_in_bytes", memory);
        if (swapBounded) {
            // After the limit on memory, below which it must not be. Equal to it: swap is no way out.
            add(settings, name, "memory", "memory.memsw.limit_in_bytes", memory);
        }
        add(settings, name, "cpu", "cpu.cfs_period_us", Long.toString(PERIOD_MICROS));
        add(settings, name, "cpu", "cpu.cfs_quota_us", Dialect.quotaMicros(limits.cpus()));
        add(settings, name, "pids", "pids.max", Integer.toString(limits.pids()));
        return settings;
    }

    @Override
    public List<Setting> trial(String name) {
        List<Setting> settings = new ArrayList<>(limits(name, TRIAL));
        add(settings, name, "freezer", "freezer.state", "THAWED");
        return settings;
    }

    @Override
    public Set<String> controllersOf(Path parent) {
        return parentOf.entrySet().stream()
                .filter(entry -> entry.getValue().equals(parent))
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    private void add(List<Setting> settings, String name, String controller, String file, String value) {
        Path parent = parentOf.get(controller);
        if (parent != null) {
            settings.add(new Setting(controller, parent.resolve(name).resolve(file), value));
        }
    }

    @Override
    public Usage usage(ControlFiles kernel, String name) throws IOException {
        return new Usage(
                Duration.ofNanos(Text.number(read(kernel, name, "cpuacct", "cpuacct.usage"))),
                Duration.ofNanos(Text.keyed(read(kernel, name, "cpu", "cpu.stat"), "throttled_time")),
                Text.number(read(kernel, name, "memory", "memory.usage_in_bytes")),
                Text.number(read(kernel, name, "memory", "memory.max_usage_in_bytes")),
                oomKills(kernel, name),
                Text.keyed(read(kernel, name, "pids", "pids.events"), "max"));
    }

    @Override
    public long oomKills(ControlFiles kernel, String name) throws IOException {
        return Text.keyed(read(kernel, name, "memory", "memory.oom_control"), "oom_kill");
    }

    private String read(ControlFiles kernel, String name, String controller, String file) throws IOException {
        Path parent = parentOf.get(controller);
        return parent == null
                ? ""
                : Dialect.readIfPresent(kernel, parent.resolve(name).resolve(file));
    }
}
