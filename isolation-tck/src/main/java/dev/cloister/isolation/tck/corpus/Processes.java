package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PERL;
import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.PROCESS_HARMED;
import static dev.cloister.isolation.tck.corpus.Attacks.calling;
import static dev.cloister.spi.Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Signals, tracing and limits of another tenant's process. */
final class Processes {
    private Processes() {}

    static List<Attack> attacks() {
        return new Attacks(Family.PROCESSES)
                .add("signal-kill", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, SH, """
                        kill -KILL "$V_PID"; sleep 0.1
                        """)
                .add("signal-stop", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, SH, """
                        kill -STOP "$V_PID"; sleep 0.1
                        """)
                .add("signal-by-name", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, SH, """
                        pkill -KILL -f "bait-$V_BAIT"; sleep 0.1
                        """)
                .add("signal-thread", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, PYTHON, calling("""
                        pid = int(os.environ["V_PID"])
                        call(234, 131, pid, pid, 9)
                        import time; time.sleep(0.1)
                        """))
                .add("signal-descriptor", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, PYTHON, calling("""
                        file = call(434, 434, int(os.environ["V_PID"]), 0)
                        call(424, 424, file, 9, 0, 0)
                        import time; time.sleep(0.1)
                        """))
                .add("signal-queue", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, PERL, """
                        kill "KILL", $ENV{V_PID}; select(undef, undef, undef, 0.1)
                        """)
                .add("trace-attach", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, PYTHON, calling("""
                        import time
                        pid = int(os.environ["V_PID"])
                        if call(101, 117, 16, pid, 0, 0) == 0:
                            os.waitpid(pid, 0x40000000)
                            # Go on with a signal that nobody survives.
                            call(101, 117, 7, pid, 0, 9)
                        time.sleep(0.2)
                        """))
                .add("trace-seize", PROCESSES_OF_OTHERS_UNTOUCHABLE, GAINED, PYTHON, calling("""
                        if call(101, 117, 0x4206, int(os.environ["V_PID"]), 0, 0) == 0: print("GAINED")
                        """))
                .add("memory-read", ENVIRONMENT_OF_OTHERS_UNREADABLE, GAINED, PYTHON, calling("""
                        pid = int(os.environ["V_PID"])
                        buffer = ctypes.create_string_buffer(64)
                        for line in open("/proc/%d/maps" % pid):
                            start = int(line.split("-")[0], 16)
                            local = struct.pack("QQ", ctypes.addressof(buffer), 64)
                            remote = struct.pack("QQ", start, 64)
                            if call(310, 270, pid, local, 1, remote, 1, 0) > 0:
                                print("GAINED")
                                break
                        """))
                .add("process-limits", PROCESSES_OF_OTHERS_UNTOUCHABLE, GAINED, PYTHON, """
                        import os, resource
                        if resource.prlimit(int(os.environ["V_PID"]), resource.RLIMIT_CORE, (0, 0)): print("GAINED")
                        """)
                .add("process-priority", PROCESSES_OF_OTHERS_UNTOUCHABLE, GAINED, PYTHON, """
                        import os
                        pid = int(os.environ["V_PID"])
                        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
                        print("GAINED")
                        """)
                .add("process-affinity", PROCESSES_OF_OTHERS_UNTOUCHABLE, GAINED, PYTHON, """
                        import os
                        pid = int(os.environ["V_PID"])
                        os.sched_setaffinity(pid, os.sched_getaffinity(pid))
                        print("GAINED")
                        """)
                .add("process-compare", PROCESSES_OF_OTHERS_UNTOUCHABLE, GAINED, PYTHON, calling("""
                        if call(312, 272, os.getpid(), int(os.environ["V_PID"]), 1, 0, 0) >= 0: print("GAINED")
                        """))
                .add("process-descriptor", ENVIRONMENT_OF_OTHERS_UNREADABLE, GAINED, PYTHON, calling("""
                        file = call(434, 434, int(os.environ["V_PID"]), 0)
                        if file >= 0 and call(438, 438, file, 0, 0) >= 0: print("GAINED")
                        """))
                .toList();
    }
}
