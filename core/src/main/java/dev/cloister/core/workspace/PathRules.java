package dev.cloister.core.workspace;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;

/**
 * Which paths a client may name. Pure.
 *
 * <p>Whatever passes is a list of plain names: resolved one by one they can only lead down. That none of them is a link
 * on the disk is for {@link SecureWorkspaceFiles} to see to.
 */
final class PathRules {
    /** The longest name that Linux's file systems take, in bytes. */
    private static final int LONGEST_NAME = 255;

    private PathRules() {}

    static List<String> components(String path, int maxLength) {
        if (path.length() > maxLength) {
            throw new CloisterException(ErrorCode.URI_TOO_LONG, "the path is longer than " + maxLength + " characters");
        }
        if (path.startsWith("/")) {
            throw CloisterException.invalid("the path must be relative to the workspace: leave out the leading slash");
        }
        // One slash at the end is what clients send for a directory.
        String trimmed = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        if (trimmed.isEmpty()) {
            return List.of();
        }
        if (!UTF_8.newEncoder().canEncode(trimmed)) {
            throw CloisterException.invalid("the path holds broken Unicode: send it as percent-encoded UTF-8");
        }
        List<String> components = new ArrayList<>();
        for (String component : trimmed.split("/", -1)) {
            components.add(checked(component));
        }
        return List.copyOf(components);
    }

    private static String checked(String component) {
        if (component.isEmpty() || component.equals(".") || component.equals("..")) {
            throw CloisterException.invalid("the path must not hold empty components, '.' or '..'");
        }
        if (component.chars().anyMatch(Character::isISOControl)) {
            throw CloisterException.invalid("the path must not hold control characters");
        }
        if (component.getBytes(UTF_8).length > LONGEST_NAME) {
            throw CloisterException.invalid("a component of the path is longer than " + LONGEST_NAME + " bytes");
        }
        return component;
    }
}
