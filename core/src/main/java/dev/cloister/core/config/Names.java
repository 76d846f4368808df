package dev.cloister.core.config;

import java.util.List;
import java.util.stream.Collectors;

/** What to say about names that are no keys. */
final class Names {
    private static final int LONGEST = 80;

    private Names() {}

    /** A name from outside, short and printable. */
    static String shown(String name) {
        String start = name.length() > LONGEST ? name.substring(0, LONGEST) + "…" : name;
        return start.replaceAll("\\p{Cntrl}", "?");
    }

    static String unknown(String name) {
        List<String> known = Keys.ALL.stream().map(Key::name).toList();
        String members =
                known.stream().filter(key -> key.startsWith(name + ".")).collect(Collectors.joining(", "));
        String advice = members.isEmpty()
                ? Nearest.to(name, known)
                        .map(key -> "did you mean " + key + "?")
                        .orElse("remove it")
                : "it is a group with the keys " + members;
        return shown(name) + ": is not a key; " + advice;
    }

    static String unknownVariable(String variable) {
        List<String> known = Keys.ALL.stream().map(Key::environmentVariable).toList();
        return "is not the variable of a key; "
                + Nearest.to(variable, known)
                        .map(key -> "did you mean " + key + "?")
                        .orElse("unset it");
    }
}
