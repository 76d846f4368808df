package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Control groups as the kernel's documentation describes them, in memory: what no hierarchy at hand would show. Not thread-safe. */
final class FakeKernel implements Kernel {
    static final long SERVER = ProcessHandle.current().pid();
    static final long VOLUNTEER = 4_000_001;
    static final Path PROC = Path.of("/proc/self");

    private final Map<Path, String> files = new TreeMap<>();
    private final Map<Path, Set<Long>> groups = new TreeMap<>();
    /** Groups in which the server may not make others, or whose controllers it may not hand down. */
    final Set<Path> forbidden = new HashSet<>();

    /** Whether what runs in a group forks faster than it is killed one by one. */
    boolean forking;

    private long nextPid = 5_000_000;
    private final Set<String> absent;
    private Path top = Path.of("/none");
    private boolean topIsTheMachines;

    /** @param absent files that this kernel is too old for */
    FakeKernel(String... absent) {
        this.absent = Set.of(absent);
    }

    static FakeKernel version2(Path mount, String own, String controllers, String... absent) {
        FakeKernel kernel = new FakeKernel(absent);
        kernel.proc("30 22 0:26 / " + mount + " rw - cgroup2 cgroup2 rw\n", "0::" + own + "\n");
        kernel.top = mount;
        kernel.groups.put(mount, new HashSet<>());
        kernel.files.put(mount.resolve("cgroup.controllers"), controllers);
        kernel.files.put(mount.resolve("cgroup.subtree_control"), "");
        return kernel;
    }

    /** The group at the top is that of the machine, which may have processes and hand controllers down. */
    FakeKernel topIsTheMachines() {
        topIsTheMachines = true;
        return this;
    }

    /** A group that was there before, with all controllers that can be had. */
    FakeKernel with(Path group, Long... pids) throws IOException {
        if (!groups.containsKey(group)) {
            write(
                    group.resolveSibling("cgroup.subtree_control"),
                    files.getOrDefault(group.resolveSibling("cgroup.controllers"), ""));
            makeGroup(group);
        }
        members(group).addAll(Set.of(pids));
        return this;
    }

    void proc(String mountinfo, String membership) {
        files.put(PROC.resolve("mountinfo"), mountinfo);
        files.put(PROC.resolve("cgroup"), membership);
        files.put(PROC.resolve("status"), "Uid:\t1000\t1000\t1000\t1000\n");
    }

    Set<Long> members(Path group) {
        return groups.getOrDefault(group, Set.of());
    }

    Set<Path> groups() {
        return groups.keySet();
    }

    void put(Path file, String text) {
        files.put(file, text);
    }

    @Override
    public void makeGroup(Path group) throws IOException {
        Path above = group.resolveSibling("");
        if (forbidden.contains(above)) {
            throw new AccessDeniedException(group.toString());
        }
        if (!groups.containsKey(above)) {
            throw new NoSuchFileException(group.toString());
        }
        if (groups.putIfAbsent(group, new HashSet<>()) != null) {
            throw new FileAlreadyExistsException(group.toString());
        }
        files.put(group.resolve("cgroup.subtree_control"), "");
        for (String name : Set.of("cgroup.kill", "cgroup.freeze")) {
            if (!absent.contains(name)) {
                files.put(group.resolve(name), "");
            }
        }
        files.put(group.resolve("cpu.stat"), "usage_usec 7\n");
        offer(group);
    }

    /** Shows the files of the controllers that the group above hands down. */
    private void offer(Path group) {
        String given = files.getOrDefault(group.resolveSibling("cgroup.subtree_control"), "");
        files.put(group.resolve("cgroup.controllers"), given);
        Map<String, Set<String>> shown = Map.of(
                "memory", Set.of("memory.max", "memory.swap.max", "memory.oom.group", "memory.current", "memory.peak"),
                "cpu", Set.of("cpu.max"),
                "pids", Set.of("pids.max"),
                "io", Set.of("io.stat"));
        for (String controller : Text.words(given)) {
            for (String name : shown.getOrDefault(controller, Set.of())) {
                if (!absent.contains(name)) {
                    files.putIfAbsent(group.resolve(name), "0");
                }
            }
        }
    }

    @Override
    public void removeGroup(Path group) throws IOException {
        if (!groups.containsKey(group)) {
            throw new NoSuchFileException(group.toString());
        }
        if (!members(group).isEmpty() || !children(group).isEmpty()) {
            throw busy(group);
        }
        groups.remove(group);
        files.keySet().removeIf(file -> file.startsWith(group));
    }

    private static FileSystemException busy(Path path) {
        return new FileSystemException(path.toString(), null, "Device or resource busy");
    }

    @Override
    public boolean exists(Path path) {
        return files.containsKey(path)
                || groups.containsKey(path)
                || (path.endsWith("cgroup.events") && groups.containsKey(path.resolveSibling("")));
    }

    @Override
    public String read(Path file) throws IOException {
        Path group = file.resolveSibling("");
        if (groups.containsKey(group) && file.endsWith("cgroup.procs")) {
            return members(group).stream().map(pid -> pid + "\n").collect(Collectors.joining());
        }
        if (groups.containsKey(group) && file.endsWith("cgroup.events")) {
            return "populated " + (below(group).isEmpty() ? 0 : 1) + "\nfrozen "
                    + files.getOrDefault(group.resolve("cgroup.freeze"), "0") + "\n";
        }
        String text = files.get(file);
        if (text == null) {
            throw new NoSuchFileException(file.toString());
        }
        return text;
    }

    private Set<Long> below(Path group) {
        return groups.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(group))
                .flatMap(entry -> entry.getValue().stream())
                .collect(Collectors.toSet());
    }

    @Override
    public void write(Path file, String value) throws IOException {
        Path group = file.resolveSibling("");
        if (file.endsWith("cgroup.procs") && groups.containsKey(group)) {
            long pid = value.equals("0") ? SERVER : Long.parseLong(value);
            if (!files.getOrDefault(group.resolve("cgroup.subtree_control"), "").isEmpty() && !isTop(group)) {
                throw busy(file);
            }
            groups.values().forEach(members -> members.remove(pid));
            members(group).add(pid);
            return;
        }
        if (!files.containsKey(file)) {
            throw new NoSuchFileException(file.toString());
        }
        if (file.endsWith("cgroup.kill")) {
            end(below(group));
            return;
        }
        files.put(file, file.endsWith("cgroup.subtree_control") ? handDown(group, file, value) : value);
        if (file.endsWith("cgroup.subtree_control")) {
            children(group).forEach(this::offer);
        }
    }

    private String handDown(Path group, Path file, String value) throws IOException {
        if (forbidden.contains(group)) {
            throw new AccessDeniedException(file.toString());
        }
        Set<String> now = Text.words(files.getOrDefault(file, ""));
        Set<String> offered = Text.words(files.getOrDefault(group.resolve("cgroup.controllers"), ""));
        for (String word : Text.words(value)) {
            String controller = word.startsWith("+") ? word.substring(1) : word;
            if (!offered.contains(controller)) {
                throw new NoSuchFileException(file.toString());
            }
            now.add(controller);
        }
        if (!now.isEmpty() && !members(group).isEmpty() && !isTop(group)) {
            throw busy(file);
        }
        return String.join(" ", now);
    }

    private boolean isTop(Path group) {
        return topIsTheMachines && group.equals(top);
    }

    @Override
    public List<Path> children(Path group) {
        return groups.keySet().stream()
                .filter(path -> group.equals(path.resolveSibling("")))
                .toList();
    }

    /** One after the other, so that those which may fork do so before their turn. */
    @Override
    public void kill(Members members) throws IOException {
        Set<Long> killed = members.now();
        groups.forEach((group, pids) -> {
            if (forking && !pids.isEmpty() && !isHeld(group)) {
                pids.add(nextPid++);
            }
        });
        end(killed);
    }

    private boolean isHeld(Path group) {
        return files.getOrDefault(group.resolve("cgroup.freeze"), "").equals("1")
                || files.getOrDefault(group.resolve("pids.max"), "").equals("0");
    }

    private void end(Set<Long> killed) {
        groups.values().forEach(pids -> pids.removeIf(pid -> pid != SERVER && killed.contains(pid)));
    }

    @Override
    public Volunteer volunteer() {
        return new Volunteer() {
            @Override
            public long pid() {
                return VOLUNTEER;
            }

            @Override
            public void close() {
                groups.values().forEach(pids -> pids.remove(VOLUNTEER));
            }
        };
    }
}
