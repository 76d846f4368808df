package dev.cloister.isolation.tck;

import java.util.List;

/** What an attack is written in. Each is in every sandbox that runs an agent, or else the control fails too. */
public enum Language {
    SH("/bin/sh", "-c"),
    BASH("bash", "-c"),
    PYTHON("python3", "-c"),
    NODE("node", "-e"),
    PERL("perl", "-e"),
    AWK("awk", "");

    private final String program;
    private final String flag;

    Language(String program, String flag) {
        this.program = program;
        this.flag = flag;
    }

    /** The command that runs a text. */
    public List<String> command(String text) {
        return flag.isEmpty() ? List.of(program, text) : List.of(program, flag, text);
    }
}
