package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts what a launcher would: a process that is in its groups before it does anything else. */
final class Script {
    /** Never without a limit on processes. What is refused is tried again, for ever. */
    static final String FORK_BOMB = "exec perl -e 'while (1) { fork }'";

    private Script() {}

    static Process in(List<Path> joins, String script) throws IOException {
        List<String> argv = new ArrayList<>(List.of("/bin/sh", "-c"));
        argv.add("for procs; do echo $$ > \"$procs\" || exit 99; done; " + script);
        argv.add("sh");
        joins.forEach(procs -> argv.add(procs.toString()));
        return new ProcessBuilder(argv)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }
}
