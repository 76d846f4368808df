package dev.cloister.isolation.local.launch;

import dev.cloister.isolation.local.launch.LaunchPlan.Step;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Turns a plan into the launcher's command line: the one place that knows its options. Pure. */
public final class Arguments {
    private final List<String> arguments = new ArrayList<>();

    private Arguments() {}

    /**
     * @param launcher the launcher's program
     * @param reporting the options that say whom the launcher reports to
     */
    public static List<String> of(Path launcher, List<String> reporting, LaunchPlan plan) {
        Arguments all = new Arguments();
        all.add(launcher.toString());
        all.arguments.addAll(reporting);
        plan.ids().ifPresent(ids -> all.add("--ids", Long.toString(ids.uid()), Long.toString(ids.gid())));
        plan.cgroups().forEach(file -> all.add("--cgroup", file.toString()));
        if (!plan.namespaces().isEmpty()) {
            all.add("--unshare", plan.namespaces().stream().map(Namespace::id).collect(Collectors.joining(",")));
        }
        plan.root().ifPresent(all::addRoot);
        plan.limits().forEach(limit -> all.add("--rlimit", limit.name() + "=" + limit.value()));
        plan.tmp().ifPresent(tmp -> all.add("--tmp", tmp));
        plan.forward().ifPresent(forward -> all.add("--forward", Integer.toString(forward.port()), forward.socket()));
        plan.expose().ifPresent(socket -> all.add("--expose", socket.toString()));
        plan.landlock().ifPresent(landlock -> {
            all.add("--landlock", landlock.level().id());
            landlock.readable().forEach(path -> all.add("--allow-read", path));
            landlock.writable().forEach(path -> all.add("--allow-write", path));
        });
        switch (plan.systemCalls()) {
            case UNFILTERED -> {}
            case FILTERED -> all.add("--seccomp");
            case FILTERED_SHARED -> all.add("--seccomp-shared");
        }
        all.add("--cwd", plan.directory(), "--");
        all.arguments.addAll(plan.command());
        return List.copyOf(all.arguments);
    }

    private void addRoot(LaunchPlan.Root root) {
        add("--root", root.base().toString(), root.template().toString());
        for (Step step : root.steps()) {
            switch (step) {
                case Step.Readable(Path source, String path) -> add("--bind-read", source.toString(), path);
                case Step.Writable(Path source, String path) -> add("--bind-write", source.toString(), path);
                case Step.Device(String path) -> add("--device", path);
                case Step.Temporary(long bytes, String path) -> add("--tmpfs", Long.toString(bytes), path);
                case Step.Processes(String path) -> add("--proc", path);
            }
        }
    }

    private void add(String... values) {
        arguments.addAll(List.of(values));
    }

    /** The environment as the launcher reads it: {@code NAME=value}, each ended by a NUL. */
    static byte[] environmentBlock(LaunchPlan plan) {
        StringBuilder block = new StringBuilder();
        plan.environment()
                .forEach((name, value) ->
                        block.append(name).append('=').append(value).append('\0'));
        return block.toString().getBytes(StandardCharsets.UTF_8);
    }
}
