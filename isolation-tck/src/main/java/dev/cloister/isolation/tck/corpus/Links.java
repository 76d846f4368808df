package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.corpus.Attacks.calling;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Roundabout ways to a file. */
final class Links {
    private Links() {}

    static List<Attack> attacks() {
        return new Attacks(Family.LINKS)
                .add("link-symbolic", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        ln -sf "$V_HOME/secret" innocent && cat innocent; rm -f innocent
                        """)
                .add("link-symbolic-directory", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        ln -sfn "$V_HOME" there && cat there/secret; rm -f there
                        """)
                .add("link-chain", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        ln -sf "$V_WORK" one; ln -sf one two; cat two/secret; rm -f one two
                        """)
                .add("link-hard", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        ln "$V_HOME/secret" hard && cat hard; rm -f hard
                        """)
                .add("link-self-root", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/self/root$V_HOME/secret"
                        """)
                .add("link-init-root", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/1/root$V_HOME/secret" || cat "/proc/$PPID/root$V_HOME/secret"
                        """)
                .add("link-thread-self", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/proc/thread-self/root$V_WORK/secret"
                        """)
                .add("link-dot-dot", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "../../../../../../../../../../../../$V_HOME/secret"
                        """)
                .add("link-descriptor", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os
                        place = os.open("/", os.O_RDONLY)
                        print(open("/proc/self/fd/%d%s/secret" % (place, os.environ["V_HOME"])).read())
                        """)
                .byRoot("link-handle", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, calling("""
                        class Handle(ctypes.Structure):
                            _fields_ = [("size", ctypes.c_uint), ("kind", ctypes.c_int), ("bytes", ctypes.c_char * 128)]
                        handle, mount = Handle(128, 0, b""), ctypes.c_int()
                        path = (os.environ["V_HOME"] + "/secret").encode()
                        call(303, 264, -100, path, ctypes.byref(handle), ctypes.byref(mount), 0)
                        for place in ("/", "/tmp", os.environ["V_HOME"], "."):
                            try:
                                at = os.open(place, os.O_RDONLY)
                            except OSError:
                                continue
                            file = call(304, 265, at, ctypes.byref(handle), 0)
                            if file >= 0:
                                print(os.read(file, 4096))
                        """))
                .toList();
    }
}
