package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.spi.Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;
import static dev.cloister.spi.Guarantee.PROCESSES_OF_OTHERS_INVISIBLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** What the kernel tells of processes. */
final class Proc {
    private Proc() {}

    static List<Attack> attacks() {
        return new Attacks(Family.PROC)
                .add("proc-environ", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/environ"
                        """)
                .add("proc-environ-task", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/task/$V_PID/environ"
                        """)
                .add("proc-environ-all", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, "cat /proc/[0-9]*/environ")
                .add("proc-memory", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os, re
                        pid = os.environ["V_PID"]
                        with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as memory:
                            for line in maps:
                                where, rights = line.split()[:2]
                                start, end = (int(part, 16) for part in where.split("-"))
                                if rights.startswith("rw") and end - start < 1 << 26:
                                    try:
                                        memory.seek(start)
                                        for found in re.findall(rb"mem-[0-9a-z-]{10,40}", memory.read(end - start)):
                                            print(found)
                                    except OSError:
                                        pass
                        """)
                .add("proc-cmdline", PROCESSES_OF_OTHERS_INVISIBLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/cmdline"
                        """)
                .add("proc-cmdline-all", PROCESSES_OF_OTHERS_INVISIBLE, SECRET_SHOWN, SH, "cat /proc/[0-9]*/cmdline")
                .add("proc-ps", PROCESSES_OF_OTHERS_INVISIBLE, SECRET_SHOWN, SH, "ps axww -o args")
                .add("proc-pgrep", PROCESSES_OF_OTHERS_INVISIBLE, SECRET_SHOWN, SH, "pgrep -af arg-")
                .add("proc-task", PROCESSES_OF_OTHERS_INVISIBLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/task/$V_PID/cmdline"
                        """)
                .add("proc-root", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/root$V_HOME/secret" || cat "/proc/$V_PID/root/home/agent/secret"
                        """)
                .add("proc-cwd", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/$V_PID/cwd/secret"
                        """)
                .add("proc-descriptors", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        for fd in /proc/$V_PID/fd/*; do [ -f "$fd" ] && cat "$fd"; done
                        """)
                .add("proc-root-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        echo x > "/proc/$V_PID/root$V_HOME/planted" || echo x > "/proc/$V_PID/cwd/planted"
                        """)
                .toList();
    }
}
