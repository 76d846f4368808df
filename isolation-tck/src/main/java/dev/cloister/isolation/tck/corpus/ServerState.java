package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.spi.Guarantee.SERVER_STATE_UNREADABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** The server's files and environment. */
final class ServerState {
    private ServerState() {}

    static List<Attack> attacks() {
        return new Attacks(Family.SERVER)
                .add("server-file", SERVER_STATE_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$SERVER_STATE"
                        """)
                .add("server-file-link", SERVER_STATE_UNREADABLE, SECRET_SHOWN, SH, """
                        ln -sf "$SERVER_STATE" state && cat state; rm -f state
                        """)
                .add("server-file-proc", SERVER_STATE_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/$SERVER_PID/root$SERVER_STATE"
                        """)
                .add("server-file-python", SERVER_STATE_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os; print(open(os.environ["SERVER_STATE"]).read())
                        """)
                .add("server-directory", SERVER_STATE_UNREADABLE, GAINED, SH, """
                        ls "${SERVER_STATE%/*}" >/dev/null && echo GAINED
                        """)
                .add("server-environ", SERVER_STATE_UNREADABLE, GAINED, SH, """
                        grep -qs java "/proc/$SERVER_PID/comm" && [ "$(wc -c <"/proc/$SERVER_PID/environ")" -gt 0 ] && echo GAINED
                        """)
                .add("server-memory", SERVER_STATE_UNREADABLE, GAINED, SH, """
                        grep -qs java "/proc/$SERVER_PID/comm" && [ -n "$(head -n 1 "/proc/$SERVER_PID/maps")" ] && echo GAINED
                        """)
                .add("server-descriptors", SERVER_STATE_UNREADABLE, GAINED, SH, """
                        grep -qs java "/proc/$SERVER_PID/comm" && readlink "/proc/$SERVER_PID"/fd/* | grep -q . && echo GAINED
                        """)
                .toList();
    }
}
