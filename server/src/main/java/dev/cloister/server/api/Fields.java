package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.server.wire.Texts;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Takes typed values out of a JSON object; a field that is null counts as left out. Pure. */
final class Fields {
    private Fields() {}

    static @Nullable JsonNode value(ObjectNode object, String name) {
        JsonNode node = object.get(name);
        return node == null || node.isNull() ? null : node;
    }

    static Optional<String> text(ObjectNode object, String name, int maxLength) {
        JsonNode node = value(object, name);
        if (node == null) {
            return Optional.empty();
        }
        if (!node.isString()) {
            throw CloisterException.invalid(name + " must be a string");
        }
        String text = node.stringValue();
        if (text.length() > maxLength) {
            throw CloisterException.invalid(name + " is longer than " + maxLength + " characters");
        }
        return Optional.of(text);
    }

    static boolean flag(ObjectNode object, String name) {
        JsonNode node = value(object, name);
        if (node != null && !node.isBoolean()) {
            throw CloisterException.invalid(name + " must be true or false");
        }
        return node != null && node.booleanValue();
    }

    static OptionalLong number(ObjectNode object, String name, long min, long max) {
        JsonNode node = value(object, name);
        if (node == null) {
            return OptionalLong.empty();
        }
        if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < min || node.longValue() > max) {
            throw CloisterException.invalid(name + " must be a whole number from " + min + " to " + max);
        }
        return OptionalLong.of(node.longValue());
    }

    /** @param where a prefix for the message, such as {@code messages[0].}, or empty */
    static void onlyKnown(ObjectNode object, String where, Set<String> known) {
        for (String name : object.propertyNames()) {
            if (!known.contains(name) && value(object, name) != null) {
                throw CloisterException.invalid(
                        "the field " + where + Texts.shown(name) + " is not known here; leave it out");
            }
        }
    }
}
