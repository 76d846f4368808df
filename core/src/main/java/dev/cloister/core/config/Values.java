package dev.cloister.core.config;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The merged raw values, and what each key makes of them. Not thread-safe. */
final class Values {
    private final Map<String, RawValue> raw;
    private final Place standard;
    private final Problems problems;
    private final Set<String> failed = new HashSet<>();

    Values(Map<String, RawValue> raw, Path home, Problems problems) {
        this.raw = raw;
        this.standard = new Place("default", home, home);
        this.problems = problems;
    }

    /** The value, or the default where the value is bad: that is a problem already, and binding goes on to find others. */
    <T> T get(Key<T> key) {
        return find(key).orElseGet(() -> standard(key).orElseThrow());
    }

    /** The value that was set, or the default if it is a text. */
    <T> Optional<T> find(Key<T> key) {
        @Nullable RawValue value = raw.get(key.name());
        if (value == null) {
            return standard(key);
        }
        return switch (key.type().parse(value)) {
            case Parsed.Good<T>(T good) -> Optional.of(good);
            case Parsed.Bad<T>(String problem) -> {
                failed.add(key.name());
                problems.add(value.place(), key.name() + ": " + problem);
                yield Optional.empty();
            }
        };
    }

    private <T> Optional<T> standard(Key<T> key) {
        return switch (key.standard()) {
            case Key.Standard.Derived _ -> Optional.empty();
            case Key.Standard.Text(String text) ->
                switch (key.type().parse(new RawValue.Text(text, standard))) {
                    case Parsed.Good<T>(T good) -> Optional.of(good);
                    case Parsed.Bad<T>(String problem) ->
                        throw new IllegalStateException("the default of " + key.name() + ' ' + problem);
                };
        };
    }

    /** Whether a check over these keys means anything: none of them has a bad value. */
    boolean sound(Key<?>... keys) {
        return Set.of(keys).stream().noneMatch(key -> failed.contains(key.name()));
    }

    boolean isSet(Key<?> key) {
        return raw.containsKey(key.name());
    }

    Place place(Key<?> key) {
        return Optional.ofNullable(raw.get(key.name())).map(RawValue::place).orElse(standard);
    }
}
