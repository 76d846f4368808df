package dev.cloister.core.workspace;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;

/** Which paths a client may name. Pure. */
final class PathRules {
    private PathRules() {}

    static List<String> components(String path, int maxLength) {
        if (path.length() > maxLength) {
            throw new CloisterException(ErrorCode.URI_TOO_LONG, "the path is longer than " + maxLength + " characters");
        }
        if (path.startsWith("/")) {
            throw CloisterException.invalid("the path must be relative to the workspace: leave out the leading slash");
        }
        String trimmed = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        List<String> components = new ArrayList<>();
        if (trimmed.isEmpty()) {
            return List.of();
        }
        for (String component : trimmed.split("/", -1)) {
            if (component.isEmpty() || component.equals(".") || component.equals("..")) {
                throw CloisterException.invalid("the path must not hold empty components, '.' or '..'");
            }
            if (component
                    .chars()
                    .anyMatch(c -> c < 0x20 || c == 0x7f || Character.isSurrogate((char) c) && !paired(component))) {
                throw CloisterException.invalid("the path must not hold control characters or broken Unicode");
            }
            if (component.getBytes(java.nio.charset.StandardCharsets.UTF_8).length > 255) {
                throw CloisterException.invalid("a component of the path is longer than 255 bytes");
            }
            components.add(component);
        }
        return List.copyOf(components);
    }

    private static boolean paired(String text) {
        return java.nio.charset.StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }
}
