package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.AWK;
import static dev.cloister.isolation.tck.Language.BASH;
import static dev.cloister.isolation.tck.Language.NODE;
import static dev.cloister.isolation.tck.Language.PERL;
import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** The same by languages: what a rule for tools cannot see. */
final class Interpreters {
    private Interpreters() {}

    static List<Attack> attacks() {
        return new Attacks(Family.INTERPRETERS)
                .add("python-open", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os; print(open(os.environ["V_HOME"] + "/secret").read())
                        """)
                .add("python-mmap", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import mmap, os
                        file = os.open(os.environ["V_WORK"] + "/secret", os.O_RDONLY)
                        print(mmap.mmap(file, 0, prot=mmap.PROT_READ)[:])
                        """)
                .add("python-sendfile", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os
                        file = os.open(os.environ["V_HOME"] + "/secret", os.O_RDONLY)
                        r, w = os.pipe()
                        os.sendfile(w, file, 0, 4096)
                        print(os.read(r, 4096))
                        """)
                .add("python-path-descriptor", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os
                        place = os.open(os.environ["V_HOME"], os.O_PATH)
                        print(os.read(os.open("secret", os.O_RDONLY, dir_fd=place), 4096))
                        """)
                .add("python-libc", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import ctypes, os
                        libc = ctypes.CDLL(None)
                        file = libc.open((os.environ["V_HOME"] + "/secret").encode(), 0)
                        buffer = ctypes.create_string_buffer(4096)
                        libc.read(file, buffer, 4096)
                        print(buffer.value)
                        """)
                .add("python-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, PYTHON, """
                        import os; open(os.environ["V_HOME"] + "/planted", "w").write("x")
                        """)
                .add("python-rmtree", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, PYTHON, """
                        import os, shutil; shutil.rmtree(os.environ["V_HOME"] + "/.cache")
                        """)
                .add("node-read", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, NODE, """
                        console.log(require("fs").readFileSync(process.env.V_HOME + "/secret", "utf8"))
                        """)
                .add("node-stream", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, NODE, """
                        require("fs").createReadStream(process.env.V_WORK + "/secret").pipe(process.stdout)
                        """)
                .add("node-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, NODE, """
                        require("fs").writeFileSync(process.env.V_WORK + "/planted", "x")
                        """)
                .add("perl-read", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PERL, """
                        open(F, "<", "$ENV{V_HOME}/secret") and print <F>
                        """)
                .add("perl-unlink", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, PERL, """
                        unlink "$ENV{V_HOME}/.netrc"
                        """)
                .add("awk-read", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, AWK, """
                        BEGIN { while ((getline line < (ENVIRON["V_HOME"] "/secret")) > 0) print line }
                        """)
                .add("bash-builtin", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, BASH, """
                        echo "$(<"$V_HOME/secret")"; mapfile -t lines <"$V_WORK/secret"; echo "${lines[@]}"
                        """)
                .add("bash-source", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, BASH, """
                        set -x; . "$V_HOME/secret" 2>&1; exec 2>&1; . "$V_WORK/secret"
                        """)
                .toList();
    }
}
