package dev.cloister.server.wire;

import dev.cloister.core.error.CloisterException;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Optional;

/** The address of a request as the client wrote it, decoded here and nowhere else. Pure. */
public final class Addresses {
    private Addresses() {}

    /** What stands behind {@code prefix} in the path, percent-decoded once. */
    public static String pathBehind(HttpServletRequest request, String prefix) {
        String raw = request.getRequestURI();
        return raw.length() <= prefix.length()
                ? ""
                : PercentDecoding.decode("the path", raw.substring(prefix.length()));
    }

    /** The value of a query parameter; empty if it is not there. A parameter without a value has an empty one. */
    public static Optional<String> query(HttpServletRequest request, String name) {
        String raw = request.getQueryString();
        if (raw == null) {
            return Optional.empty();
        }
        Optional<String> found = Optional.empty();
        for (String pair : raw.split("&", -1)) {
            int equals = pair.indexOf('=');
            String key = equals < 0 ? pair : pair.substring(0, equals);
            if (!key.equals(name)) {
                continue;
            }
            if (found.isPresent()) {
                throw CloisterException.invalid("the query parameter " + name + " is given twice; give it once");
            }
            String value = equals < 0 ? "" : pair.substring(equals + 1);
            found = Optional.of(PercentDecoding.decode("the query parameter " + name, value.replace("+", "%20")));
        }
        return found;
    }

    /** A query parameter that is a whole number from {@code min} to {@code max}. */
    public static long number(HttpServletRequest request, String name, long absent, long min, long max) {
        Optional<String> text = query(request, name);
        return text.isEmpty() ? absent : number("the query parameter " + name, text.get(), min, max);
    }

    public static long number(String what, String text, long min, long max) {
        try {
            long value = Long.parseLong(text);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException _) {
            // The same answer as for a number out of range.
        }
        throw CloisterException.invalid(what + " must be a whole number from " + min + " to " + max);
    }

    /** A query parameter that is {@code true} or {@code false}. */
    public static boolean flag(HttpServletRequest request, String name, boolean absent) {
        Optional<String> text = query(request, name);
        if (text.isEmpty()) {
            return absent;
        }
        return switch (text.get()) {
            case "true" -> true;
            case "false" -> false;
            default -> throw CloisterException.invalid("the query parameter " + name + " must be true or false");
        };
    }
}
