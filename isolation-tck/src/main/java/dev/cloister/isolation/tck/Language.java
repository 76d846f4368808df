package dev.cloister.isolation.tck;

import java.util.List;

/**
 * What an attack is written in. All but C are in every sandbox that runs an agent, or else the control fails too; C is compiled
 * by the host, which may have no compiler.
 */
public enum Language {
    SH("/bin/sh", "-c"),
    BASH("bash", "-c"),
    PYTHON("python3", "-c"),
    NODE("node", "-e"),
    PERL("perl", "-e"),
    AWK("awk", ""),
    /** The text is what follows {@code program.c} of this package. */
    C("", "");

    private final String program;
    private final String flag;

    Language(String program, String flag) {
        this.program = program;
        this.flag = flag;
    }

    /** The command that runs a text. */
    public List<String> command(String text) {
        if (this == C) {
            return Program.command(text);
        }
        return flag.isEmpty() ? List.of(program, text) : List.of(program, flag, text);
    }

    /** Whether this host can make attacks of it at all. */
    public boolean isUsable() {
        return this != C || Program.canBeMade();
    }
}
