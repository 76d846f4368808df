package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;
import java.util.stream.Stream;

/** What an agent leaves: sessions, caches, logs, temporary files. */
final class Traces {
    private Traces() {}

    static List<Attack> attacks() {
        return Stream.of(sessions(), others()).flatMap(List::stream).toList();
    }

    private static List<Attack> sessions() {
        return new Attacks(Family.SESSIONS)
                .add("trace-transcript", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME"/.claude/projects/*/*.jsonl
                        """)
                .add("trace-todos", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME"/.claude/todos/*
                        """)
                .add("trace-resume-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, SH, """
                        for file in "$V_HOME"/.claude/projects/*/*.jsonl; do echo "{}" >> "$file"; done
                        """)
                .toList();
    }

    private static List<Attack> others() {
        return new Attacks(Family.TRACES)
                .add("trace-credentials", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME/.claude/.credentials.json"
                        """)
                .add("trace-snapshot", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME"/.claude/shell-snapshots/*
                        """)
                .add("trace-cache", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        find "$V_HOME/.cache" -type f -exec cat {} +
                        """)
                .add("trace-ssh", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME/.ssh/id_ed25519"
                        """)
                .add("trace-netrc", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "$V_HOME/.netrc"
                        """)
                .add("trace-tmp", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        find /tmp /var/tmp "$V_HOME/.." -path "*claude-0/output" -exec cat {} +
                        """)
                .add("trace-tmp-guess", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        for pid in /proc/[0-9]*; do tmp=$(tr "\\0" "\\n" <"$pid/environ" | sed -n s/^TMPDIR=//p); [ -n "$tmp" ] && cat "$tmp/claude-0/output" "$pid/root$tmp/claude-0/output"; done
                        """)
                .toList();
    }
}
