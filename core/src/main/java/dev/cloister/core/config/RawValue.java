package dev.cloister.core.config;

import java.util.ArrayList;
import java.util.List;

/** A value as it was written, before its type is known. */
sealed interface RawValue {
    Place place();

    record Text(String text, Place place) implements RawValue {
        /** The items of a list written as one text; commas inside parentheses belong to the item, as in tool rules. */
        List<String> items() {
            List<String> items = new ArrayList<>();
            StringBuilder item = new StringBuilder();
            int depth = 0;
            for (int index = 0; index < text.length(); index++) {
                char character = text.charAt(index);
                if (character == ',' && depth == 0) {
                    items.add(item.toString().strip());
                    item.setLength(0);
                    continue;
                }
                if (character == '(') {
                    depth++;
                } else if (character == ')' && depth > 0) {
                    depth--;
                }
                item.append(character);
            }
            items.add(item.toString().strip());
            return text.isBlank() ? List.of() : items;
        }
    }

    record Sequence(List<String> items, Place place) implements RawValue {
        public Sequence {
            items = List.copyOf(items);
        }
    }
}
