package dev.cloister.isolation.local.cgroup;

import dev.cloister.isolation.local.cgroup.Hierarchies.Hierarchy;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a parent in every hierarchy that allows it, and tries each. */
record Version1Search(Kernel kernel, Reaper reaper, Findings findings, Search search, Hierarchies.Version1 version1) {
    private static final Logger LOG = LoggerFactory.getLogger(Version1Search.class);

    CgroupSearch run() {
        Map<String, Path> wanted = new LinkedHashMap<>();
        for (String controller : Hierarchies.VERSION_1) {
            Hierarchy hierarchy = version1.hierarchies().get(controller);
            if (hierarchy == null) {
                continue;
            }
            Path parent = search.parent(search.base(hierarchy, hierarchy.own()));
            if (hierarchy.own().startsWith(parent)) {
                return new CgroupSearch.Missing(Findings.insideItself(parent));
            }
            wanted.put(controller, parent);
        }
        Set<Path> parents = new LinkedHashSet<>(wanted.values());
        Map<String, String> refused = new LinkedHashMap<>();
        Map<String, Path> usable = new LinkedHashMap<>(wanted);
        try {
            reaper.remove(search.leftovers(List.copyOf(parents)));
            makeParents(parents, usable, refused);
            Version1 dialect = dialect(usable);
            if (!usable.isEmpty()) {
                refused.putAll(new Trial(kernel, reaper).failures(dialect));
                usable.keySet().removeAll(refused.keySet());
                dialect = dialect(usable);
            }
            reaper.remove(without(parents, dialect.parents()));
            if (dialect.controllers().isEmpty()) {
                reaper.remove(List.copyOf(parents));
                return new CgroupSearch.Missing(
                        findings.nothingInVersion1(version1, String.join("; ", distinct(refused))));
            }
            LOG.info("control groups of version 1 below {}", dialect.parents());
            return new CgroupSearch.Found(new ServerCgroups(kernel, reaper, dialect), missing(usable, refused));
        } catch (IsolationException e) {
            return undone(parents, e.finding());
        } catch (IOException e) {
            return undone(parents, findings.nothingInVersion1(version1, e.toString()));
        }
    }

    private void makeParents(Set<Path> parents, Map<String, Path> usable, Map<String, String> refused) {
        for (Path parent : parents) {
            try {
                kernel.makeGroup(parent);
            } catch (IOException e) {
                for (String controller : List.copyOf(usable.keySet())) {
                    if (usable.remove(controller, parent)) {
                        refused.put(controller, e.toString());
                    }
                }
            }
        }
    }

    private Version1 dialect(Map<String, Path> usable) {
        Path memory = usable.get("memory");
        return new Version1(usable, memory != null && kernel.exists(memory.resolve("memory.memsw.limit_in_bytes")));
    }

    private CgroupSearch undone(Set<Path> parents, Finding why) {
        try {
            reaper.remove(search.leftovers(List.copyOf(parents)));
        } catch (IsolationException e) {
            LOG.warn("a control group was left: {}", e.getMessage());
        }
        return new CgroupSearch.Missing(why);
    }

    private List<Finding> missing(Map<String, Path> usable, Map<String, String> refused) {
        List<Finding> missing = new ArrayList<>();
        for (String name : Hierarchies.VERSION_1) {
            if (!usable.containsKey(name)) {
                Optional<Hierarchy> hierarchy =
                        Optional.ofNullable(version1.hierarchies().get(name));
                missing.add(findings.missingInVersion1(
                        name, consequence(name), hierarchy, refused.getOrDefault(name, "it is not mounted")));
            }
        }
        return missing;
    }

    private static String consequence(String name) {
        for (Controller controller : Controller.values()) {
            if (controller.version1().equals(name)) {
                return controller.without();
            }
        }
        return "processor time is not measured";
    }

    private static List<Path> without(Set<Path> all, List<Path> kept) {
        return all.stream().filter(path -> !kept.contains(path)).toList();
    }

    private static Set<String> distinct(Map<String, String> refused) {
        return new LinkedHashSet<>(refused.values());
    }
}
