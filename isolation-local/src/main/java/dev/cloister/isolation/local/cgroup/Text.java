package dev.cloister.isolation.local.cgroup;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads the forms in which the kernel writes things down. Pure. */
final class Text {
    private Text() {}

    /** The number of a key in lines of {@code key number}; 0 if it is not there. */
    static long keyed(String text, String key) {
        for (String line : text.split("\n", -1)) {
            if (line.startsWith(key) && line.length() > key.length() && line.charAt(key.length()) == ' ') {
                return number(line.substring(key.length() + 1));
            }
        }
        return 0;
    }

    /** A number on its own; the largest for {@code max} and what is too large, 0 for what is none. */
    static long number(String text) {
        String digits = text.strip();
        if (digits.equals("max")) {
            return Long.MAX_VALUE;
        }
        if (digits.isEmpty() || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return 0;
        }
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }

    /** The effective uid in a process's {@code status}; empty if it is not there. */
    static Optional<String> uid(String status) {
        return status.lines()
                .filter(line -> line.startsWith("Uid:"))
                .map(line -> line.split("\\s+", -1))
                .filter(fields -> fields.length > 2)
                .map(fields -> fields[2])
                .findFirst();
    }

    /** The words of a list that is separated by spaces. */
    static Set<String> words(String text) {
        Set<String> words = new HashSet<>(List.of(text.strip().split("\\s+")));
        words.remove("");
        return words;
    }

    /** The process ids of a {@code cgroup.procs}; version 1 may list one twice. */
    static Set<Long> pids(String text) {
        Set<Long> pids = new HashSet<>();
        for (String line : text.split("\n", -1)) {
            if (!line.isBlank()) {
                pids.add(number(line));
            }
        }
        return pids;
    }

    /** Undoes the escapes of mountinfo, {@code \040} for a space (proc(5)). */
    static String unescape(String field) {
        if (field.indexOf('\\') < 0) {
            return field;
        }
        byte[] bytes = field.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream plain = new ByteArrayOutputStream(bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\\' && i + 3 < bytes.length && octal(bytes, i + 1)) {
                plain.write((bytes[i + 1] - '0') * 64 + (bytes[i + 2] - '0') * 8 + (bytes[i + 3] - '0'));
                i += 3;
            } else {
                plain.write(bytes[i]);
            }
        }
        return plain.toString(StandardCharsets.UTF_8);
    }

    private static boolean octal(byte[] bytes, int from) {
        for (int i = from; i < from + 3; i++) {
            if (bytes[i] < '0' || bytes[i] > '7') {
                return false;
            }
        }
        return true;
    }
}
