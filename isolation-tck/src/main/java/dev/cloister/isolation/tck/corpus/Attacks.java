package dev.cloister.isolation.tck.corpus;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Language;
import dev.cloister.isolation.tck.Sign;
import dev.cloister.spi.Guarantee;
import java.util.ArrayList;
import java.util.List;

/** Collects one family's attacks. */
final class Attacks {
    /** For Python: a system call by its number on this machine, and errors by name. */
    private static final String SYSTEM_CALLS = """
            import ctypes, errno, os, platform, socket, struct, sys
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            x86 = platform.machine() == "x86_64"
            def call(x86_number, arm_number, *arguments):
                ctypes.set_errno(0)
                number = x86_number if x86 else arm_number
                return libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments])
            def reached(answer):
                # The kernel went into it: it did not refuse who asks.
                if answer >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                    print("GAINED")
            """;

    private final Family family;
    private final List<Attack> all = new ArrayList<>();

    Attacks(Family family) {
        this.family = family;
    }

    Attacks add(String id, Guarantee guarantee, Sign sign, Language language, String text) {
        all.add(new Attack(id, family, guarantee, language, text, sign, false));
        return this;
    }

    Attacks byRoot(String id, Guarantee guarantee, Sign sign, Language language, String text) {
        all.add(new Attack(id, family, guarantee, language, text, sign, true));
        return this;
    }

    /** Python that makes system calls. */
    static String calling(String text) {
        return SYSTEM_CALLS + text;
    }

    List<Attack> toList() {
        return List.copyOf(all);
    }
}
