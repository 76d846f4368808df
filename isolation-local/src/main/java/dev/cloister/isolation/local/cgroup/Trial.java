package dev.cloister.isolation.local.cgroup;

import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Uses a group as a sandbox would: makes it, bounds it, has a process join it, ends that, removes it. */
record Trial(Kernel kernel, Reaper reaper) {
    /** No sandbox can have this name. */
    private static final String NAME = "_trial";

    /**
     * What does not work, by the controller's name in the dialect.
     *
     * @throws IsolationException if the group could not be ended or removed
     * @throws IOException if nothing could be measured, or no process started
     */
    Map<String, String> failures(Dialect dialect) throws IOException {
        Map<String, String> failures = new LinkedHashMap<>();
        try {
            List<Path> made = new ArrayList<>();
            for (Path parent : dialect.parents()) {
                try {
                    kernel.makeGroup(parent.resolve(NAME));
                    made.add(parent);
                } catch (IOException e) {
                    dialect.controllersOf(parent).forEach(controller -> failures.put(controller, e.toString()));
                }
            }
            for (Dialect.Setting setting : dialect.trial(NAME)) {
                set(setting, failures);
            }
            try (Kernel.Volunteer volunteer = kernel.volunteer()) {
                for (Path parent : made) {
                    join(parent, volunteer.pid(), dialect, failures);
                }
                reaper.kill(dialect.groups(NAME));
            }
            dialect.usage(kernel, NAME);
        } finally {
            reaper.remove(dialect.groups(NAME));
        }
        return failures;
    }

    private void set(Dialect.Setting setting, Map<String, String> failures) {
        if (failures.containsKey(setting.controller())) {
            return;
        }
        try {
            kernel.write(setting.file(), setting.value());
            String back = kernel.read(setting.file()).strip();
            if (!back.equals(setting.value())) {
                failures.put(
                        setting.controller(), setting.file() + " was set to " + setting.value() + " and reads " + back);
            }
        } catch (IOException e) {
            failures.put(setting.controller(), e.toString());
        }
    }

    private void join(Path parent, long pid, Dialect dialect, Map<String, String> failures) {
        Path procs = parent.resolve(NAME).resolve("cgroup.procs");
        String why;
        try {
            kernel.write(procs, Long.toString(pid));
            if (Text.pids(kernel.read(procs)).contains(pid)) {
                return;
            }
            why = "a process that joined " + parent.resolve(NAME) + " is not in it";
        } catch (IOException e) {
            why = "a process could not join: " + e;
        }
        String reason = why;
        dialect.controllersOf(parent).forEach(controller -> failures.put(controller, reason));
    }
}
