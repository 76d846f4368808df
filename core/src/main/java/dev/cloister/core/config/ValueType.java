package dev.cloister.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * How the text of a key becomes a value.
 *
 * @param description what is right, with its article: "a whole number from 0 to 65535"; used in messages and in the docs
 */
record ValueType<T>(String description, Function<RawValue, Parsed<T>> parser) {
    private static final int LONGEST_QUOTE = 60;

    Parsed<T> parse(RawValue raw) {
        return parser.apply(raw);
    }

    /** One value whose wrong text may be shown in a message. */
    static <T> ValueType<T> scalar(String description, BiFunction<String, Place, Optional<T>> reader) {
        return new ValueType<>(description, raw -> one(raw, description, reader, ValueType::quote));
    }

    /** One value whose wrong text may hold a secret and is never shown. */
    static <T> ValueType<T> hidden(String description, BiFunction<String, Place, Optional<T>> reader) {
        return new ValueType<>(description, raw -> one(raw, description, reader, text -> "the value"));
    }

    /** A YAML sequence, or one text with commas between the items. */
    static <T> ValueType<List<T>> list(ValueType<T> item, String description, int fewest) {
        return new ValueType<>(description, raw -> {
            List<String> texts = switch (raw) {
                case RawValue.Text text -> text.items();
                case RawValue.Sequence sequence -> sequence.items();
            };
            if (texts.size() < fewest) {
                return new Parsed.Bad<>("is an empty list; write " + description);
            }
            List<T> values = new ArrayList<>();
            for (String text : texts) {
                switch (item.parse(new RawValue.Text(text, raw.place()))) {
                    case Parsed.Good<T>(T value) -> values.add(value);
                    case Parsed.Bad<T>(String problem) -> {
                        return new Parsed.Bad<>(problem);
                    }
                }
            }
            return new Parsed.Good<>(List.copyOf(values));
        });
    }

    <R> ValueType<R> map(Function<T, R> conversion) {
        return new ValueType<>(description, raw -> switch (parse(raw)) {
            case Parsed.Good<T>(T value) -> new Parsed.Good<>(conversion.apply(value));
            case Parsed.Bad<T>(String problem) -> new Parsed.Bad<>(problem);
        });
    }

    /** This type, or a word that stands for "not given". */
    ValueType<Optional<T>> orWord(String word) {
        return new ValueType<>("`%s` or %s".formatted(word, description), raw -> {
            if (raw instanceof RawValue.Text(String text, Place _)
                    && text.strip().equals(word)) {
                return new Parsed.Good<>(Optional.empty());
            }
            return switch (parse(raw)) {
                case Parsed.Good<T>(T value) -> new Parsed.Good<>(Optional.of(value));
                case Parsed.Bad<T>(String problem) -> new Parsed.Bad<>(problem + ", or `" + word + "`");
            };
        });
    }

    private static <T> Parsed<T> one(
            RawValue raw,
            String description,
            BiFunction<String, Place, Optional<T>> reader,
            Function<String, String> shown) {
        return switch (raw) {
            case RawValue.Sequence _ -> new Parsed.Bad<>("is a list; write " + description);
            case RawValue.Text(String text, Place _)
            when text.isBlank() -> new Parsed.Bad<>("is empty; write " + description);
            case RawValue.Text(String text, Place place) ->
                reader.apply(text.strip(), place)
                        .<Parsed<T>>map(Parsed.Good::new)
                        .orElseGet(() -> new Parsed.Bad<>(shown.apply(text) + " is not " + description));
        };
    }

    private static String quote(String text) {
        String start = text.length() > LONGEST_QUOTE ? text.substring(0, LONGEST_QUOTE) + "…" : text;
        return "\"" + start.replaceAll("\\p{Cntrl}", "?") + "\"";
    }
}
