package dev.cloister.core.audit;

import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/** The one form in which a detail is written. */
final class AuditDetail {
    // Pure ASCII: half a surrogate pair would not survive the store, and nothing can play tricks on a terminal.
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    private AuditDetail() {}

    /** One line of JSON, its names in order. */
    static String canonical(Map<String, Object> detail) {
        detail.forEach(AuditDetail::requirePlain);
        return JSON.writeValueAsString(new TreeMap<>(detail));
    }

    private static void requirePlain(String name, Object value) {
        if (!(value instanceof String || value instanceof Number || value instanceof Boolean)) {
            throw new IllegalArgumentException(
                    "the audit detail " + name + " must be a string, a number or a boolean; write what it stands for");
        }
    }
}
