package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.PROCESS_LEFT;
import static dev.cloister.spi.Guarantee.PROCESSES_END_WITH_TURN;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Processes that try to outlive their command. */
final class Remains {
    private Remains() {}

    static List<Attack> attacks() {
        return new Attacks(Family.REMAINS)
                .add("remain-background", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        sh -c "sleep 60; : $WORD" >/dev/null 2>&1 &
                        """)
                .add("remain-nohup", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        nohup sh -c "sleep 60; : $WORD" >/dev/null 2>&1 &
                        """)
                .add("remain-session", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        setsid sh -c "sleep 60; : $WORD" >/dev/null 2>&1 &
                        """)
                .add("remain-daemon", PROCESSES_END_WITH_TURN, PROCESS_LEFT, PYTHON, """
                        import os, time
                        if os.fork() == 0:
                            os.setsid()
                            if os.fork() == 0:
                                null = os.open("/dev/null", os.O_RDWR)
                                for fd in range(3): os.dup2(null, fd)
                                os.execvp("sh", ["sh", "-c", "sleep 60; : " + os.environ["WORD"]])
                            os._exit(0)
                        """)
                .add("remain-deaf", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        setsid sh -c "trap '' TERM HUP INT; sleep 60; : $WORD" >/dev/null 2>&1 &
                        """)
                .add("remain-stopped", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        setsid sh -c 'kill -STOP $$; sleep 60; : '"$WORD" >/dev/null 2>&1 &
                        """)
                .add("remain-supervisor", PROCESSES_END_WITH_TURN, PROCESS_LEFT, SH, """
                        setsid sh -c "sleep 60; : $WORD" >/dev/null 2>&1 & kill -9 $PPID 2>/dev/null; true
                        """)
                .toList();
    }
}
