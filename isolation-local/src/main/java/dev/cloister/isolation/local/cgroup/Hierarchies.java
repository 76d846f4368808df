package dev.cloister.isolation.local.cgroup;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/** Which hierarchies are mounted, and where in them the server is. Pure. Source: proc(5), cgroups(7). */
sealed interface Hierarchies {
    /** The controllers that version 1 has and this package uses; cpuacct only measures. */
    List<String> VERSION_1 = List.of("memory", "cpu", "cpuacct", "pids", "freezer", "blkio");

    /** One of these in version 1 makes it version 1. */
    Set<String> LIMITING = Set.of("memory", "cpu", "pids");

    /**
     * Version 1, wholly or in part.
     *
     * @param hierarchies those mounted, by the controllers of {@link #VERSION_1}; controllers may share one
     */
    record Version1(Map<String, Hierarchy> hierarchies) implements Hierarchies {}

    record Version2(Hierarchy unified) implements Hierarchies {}

    record None() implements Hierarchies {}

    /**
     * A mounted hierarchy, and the server in it.
     *
     * @param mount where it is mounted
     * @param own the server's own group, or the topmost that can be seen
     * @param readOnly whether nothing in it can be changed
     */
    record Hierarchy(Path mount, Path own, boolean readOnly) {
        /** The group that an operator named: a directory in the hierarchy, or the path within it. */
        Path named(Path configured) {
            return configured.startsWith(mount) ? configured : below(mount, configured);
        }
    }

    /**
     * Works it out.
     *
     * @param mountinfo the text of {@code /proc/self/mountinfo}
     * @param membership the text of {@code /proc/self/cgroup}
     * @param exists whether a directory exists
     */
    static Hierarchies of(String mountinfo, String membership, Predicate<Path> exists) {
        List<Mount> mounts =
                mountinfo.lines().map(Mount::parse).flatMap(Optional::stream).toList();
        Map<String, String> own = memberships(membership);
        Map<String, Hierarchy> version1 = new LinkedHashMap<>();
        for (String controller : VERSION_1) {
            hierarchy(
                            mounts.stream()
                                    .filter(mount -> mount.type().equals("cgroup")
                                            && mount.options().contains(controller))
                                    .toList(),
                            own.getOrDefault(controller, "/"),
                            exists)
                    .ifPresent(hierarchy -> version1.put(controller, hierarchy));
        }
        if (version1.keySet().stream().anyMatch(LIMITING::contains)) {
            return new Version1(Map.copyOf(version1));
        }
        return hierarchy(
                        mounts.stream()
                                .filter(mount -> mount.type().equals("cgroup2"))
                                .toList(),
                        own.getOrDefault("", "/"),
                        exists)
                .<Hierarchies>map(Version2::new)
                .orElse(new None());
    }

    private static Optional<Hierarchy> hierarchy(List<Mount> mounts, String own, Predicate<Path> exists) {
        for (Mount mount : mounts) {
            Optional<Path> inside = mount.locate(own).filter(exists);
            if (inside.isPresent()) {
                return Optional.of(new Hierarchy(mount.point(), inside.get(), mount.readOnly()));
            }
        }
        // In a container the paths may be the host's, while the mount shows the container's part alone.
        return mounts.stream().findFirst().map(mount -> new Hierarchy(mount.point(), mount.point(), mount.readOnly()));
    }

    /** The own path by controller, that of version 2 by the empty name. */
    private static Map<String, String> memberships(String membership) {
        Map<String, String> own = new HashMap<>();
        for (String line : membership.lines().toList()) {
            String[] fields = line.split(":", 3);
            if (fields.length == 3) {
                for (String controller : fields[1].split(",", -1)) {
                    own.put(controller, fields[2]);
                }
            }
        }
        return own;
    }

    private static Path below(Path mount, Path path) {
        Path root = Path.of("/");
        return mount.resolve(root.relativize(root.resolve(path).normalize()).toString());
    }

    /**
     * A mount of any kind.
     *
     * @param root which part of the hierarchy is mounted
     * @param options those of the file system: for version 1, its controllers
     */
    record Mount(String root, Path point, String type, Set<String> options, boolean readOnly) {
        /** A line of mountinfo: {@code id parent dev root point options [optional…] - type source options}. */
        static Optional<Mount> parse(String line) {
            List<String> fields = List.of(line.split(" ", -1));
            int dash = fields.indexOf("-");
            if (dash < 6 || fields.size() < dash + 4) {
                return Optional.empty();
            }
            Set<String> options = Set.copyOf(List.of(fields.get(dash + 3).split(",", -1)));
            boolean readOnly = options.contains("ro")
                    || List.of(fields.get(5).split(",", -1)).contains("ro");
            try {
                return Optional.of(new Mount(
                        Text.unescape(fields.get(3)),
                        Path.of(Text.unescape(fields.get(4))),
                        fields.get(dash + 1),
                        options,
                        readOnly));
            } catch (InvalidPathException e) {
                // Anybody may mount at a name that the server's locale cannot write down; no hierarchy is at such a
                // place.
                return Optional.empty();
            }
        }

        /** Where a group is below the mount; empty if the mount does not show it. */
        Optional<Path> locate(String group) {
            Path path = Path.of(group).normalize();
            Path top = Path.of(root).normalize();
            // A path with ".." is that of a group outside of the server's cgroup namespace.
            if (group.contains("/..") || root.contains("/..") || !path.startsWith(top)) {
                return Optional.empty();
            }
            return Optional.of(below(point, Path.of("/").resolve(top.relativize(path))));
        }
    }
}
