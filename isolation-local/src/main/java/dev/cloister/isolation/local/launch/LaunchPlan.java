package dev.cloister.isolation.local.launch;

import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.SandboxSpec;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All that is needed to start one process, decided without any I/O.
 *
 * @param argv what the server executes; visible to every process of the host
 * @param environment what the tenant's command finds; handed over in a file, because the programs that run before the
 *     uid is switched must not obey a tenant's LD_PRELOAD
 */
public record LaunchPlan(List<String> argv, Map<String, String> environment) {
    /** Where the programs that stand between server and command are found. */
    public record Tools(Path setpriv, Path perl, Path supervisor, int prctlNumber) {}

    /** The fixed search path of every sandbox: the host's own programs only. */
    static final String PATH = "/usr/local/bin:/usr/bin:/bin";

    public LaunchPlan {
        argv = List.copyOf(argv);
        environment = Map.copyOf(environment);
    }

    /**
     * The plan of directories mode.
     *
     * @param ownUid whether the sandbox's uid is the tenant's alone, which only a server running as root can give
     * @param serverPid the process with which the command has to die
     * @param share the launch's own directory
     * @param tmp the launch's TMPDIR, which does not exist yet
     */
    public static LaunchPlan directories(
            Tools tools,
            SandboxSpec sandbox,
            ProcessSpec process,
            boolean ownUid,
            long serverPid,
            Path share,
            Path tmp) {
        List<String> argv = new ArrayList<>();
        argv.add(tools.setpriv().toString());
        if (ownUid) {
            argv.add("--reuid=" + sandbox.uid());
            argv.add("--regid=" + sandbox.uid());
            argv.add("--clear-groups");
            argv.add("--bounding-set=-all");
        }
        argv.add("--inh-caps=-all");
        argv.add("--ambient-caps=-all");
        argv.add("--no-new-privs");
        argv.add("--pdeathsig=TERM");
        argv.add(tools.perl().toString());
        argv.add(tools.supervisor().toString());
        argv.add(Long.toString(serverPid));
        argv.add(Integer.toString(tools.prctlNumber()));
        argv.add(ownUid ? "1" : "0");
        argv.add(share.toString());
        argv.add(tmp.toString());
        argv.add(process.cwd());
        argv.addAll(process.command());

        Map<String, String> environment = new TreeMap<>(process.env());
        environment.putIfAbsent("PATH", PATH);
        environment.putIfAbsent("LANG", "C.UTF-8");
        environment.put("HOME", sandbox.home().toString());
        environment.put("TMPDIR", tmp.toString());
        environment.put("USER", "agent");
        environment.put("LOGNAME", "agent");
        environment.put("SHELL", "/bin/bash");
        return new LaunchPlan(argv, environment);
    }

    /** The environment as the supervisor reads it: {@code NAME=value}, each ended by a NUL. */
    byte[] environmentBlock() {
        StringBuilder block = new StringBuilder();
        environment.forEach(
                (name, value) -> block.append(name).append('=').append(value).append('\0'));
        return block.toString().getBytes(StandardCharsets.UTF_8);
    }
}
