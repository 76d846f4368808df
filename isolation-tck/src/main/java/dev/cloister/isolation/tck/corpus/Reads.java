package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Files of another tenant, by their names on the host. */
final class Reads {
    private Reads() {}

    static List<Attack> attacks() {
        return new Attacks(Family.DIRECT_READS)
                .add("read-home", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME/secret"
                        """)
                .add("read-work", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_WORK/secret"
                        """)
                .add("read-dot-env", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_WORK/.env"
                        """)
                .add("read-dd", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        dd if="$V_HOME/secret" bs=1 2>/dev/null
                        """)
                .add("read-tar", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        tar cf - -C "$V_HOME" secret | cat
                        """)
                .add("read-find", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        find "$V_HOME" -name secret -exec cat {} +
                        """)
                .add("read-grep", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        grep -r . "$V_HOME" "$V_WORK"
                        """)
                .add("read-git", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        git diff --no-index /dev/null "$V_HOME/secret"
                        """)
                .add("read-copy", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cp "$V_HOME/secret" "$HOME/copy" && cat "$HOME/copy"; rm -f "$HOME/copy"
                        """)
                .add("read-upwards", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cd "$V_HOME/../home" && cat ./secret || cat "$V_WORK/../home/secret"
                        """)
                .add("write-new", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        echo planted > "$V_HOME/planted"
                        """)
                .add("write-append", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        echo more >> "$V_WORK/secret"
                        """)
                .add("write-truncate", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        : > "$V_HOME/.netrc"
                        """)
                .add("write-delete", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        rm -f "$V_WORK/src/main.py"
                        """)
                .add("write-rename", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        mv "$V_WORK/.env" "$V_WORK/.env.old"
                        """)
                .add("write-mode", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        chmod 666 "$V_HOME/secret"
                        """)
                .add("write-directory", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        mkdir "$V_HOME/.claude/hooks"
                        """)
                .add("write-link", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        ln -s /etc/passwd "$V_WORK/link"
                        """)
                .add("write-sed", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        sed -i s/file/other/ "$V_HOME/.ssh/id_ed25519"
                        """)
                .add("write-git", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        GIT_DIR="$V_WORK/.git" git init -q
                        """)
                .toList();
    }
}
