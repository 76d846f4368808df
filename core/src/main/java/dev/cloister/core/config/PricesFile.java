package dev.cloister.core.config;

import dev.cloister.core.config.MachinePrices.Item;
import dev.cloister.core.config.MachinePrices.Price;
import dev.cloister.core.error.CloisterException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The file of {@code cloister cost --prices}: {@code currency}, and for each {@link Item} its {@code amount}, {@code source} and
 * {@code as-of}. All of them have to be there and nothing else may be: what costs nothing says so by an amount of 0.
 */
public final class PricesFile {
    private static final ValueType<String> CURRENCY =
            matching("a currency of three capital letters, such as `EUR`", "[A-Z]{3}");
    private static final Pattern AMOUNT = Pattern.compile("[0-9]{1,6}(\\.[0-9]{1,12})?");
    private static final ValueType<String> SOURCE =
            matching("where the price was found: one line, 200 characters at the most", "\\P{Cntrl}{1,200}");

    private final Map<String, RawValue> raw;
    private final Problems problems;
    private final Place file;
    private final ValueType<LocalDate> day;

    private PricesFile(Path file, LocalDate today) {
        Path root = file.toAbsolutePath().getRoot();
        this.problems = new Problems("The prices have", "The form is that of docs/prices-example.yaml.");
        this.file = new Place(file.toAbsolutePath().toString(), root, root);
        this.raw = new TreeMap<>(YamlFile.read(file, root, problems));
        this.day = ValueType.scalar(
                "a day that is not to come, such as `%s`".formatted(today),
                (text, place) -> day(text).filter(found -> !found.isAfter(today)));
    }

    /**
     * Reads the file.
     *
     * @param today no price is from a later day
     * @throws CloisterException INVALID_REQUEST, with every problem and its line
     */
    public static MachinePrices read(Path file, LocalDate today) {
        return new PricesFile(file, today).prices();
    }

    private MachinePrices prices() {
        // A file that cannot be read has one problem, not one for each key.
        problems.throwIfAny();
        Optional<String> currency = take("currency", CURRENCY);
        Map<Item, Price> prices = new EnumMap<>(Item.class);
        for (Item item : Item.values()) {
            Optional<Double> amount = take(item.key() + ".amount", amount());
            Optional<String> source = take(item.key() + ".source", SOURCE);
            Optional<LocalDate> asOf = take(item.key() + ".as-of", day);
            if (amount.isPresent() && source.isPresent() && asOf.isPresent()) {
                prices.put(item, new Price(amount.get(), source.get(), asOf.get()));
            }
        }
        raw.forEach((name, value) -> problems.add(
                value.place(),
                Names.shown(name) + ": is no part of a price list; "
                        + Nearest.to(name, names())
                                .map(key -> "did you mean " + key + "?")
                                .orElse("remove it")));
        problems.throwIfAny();
        return new MachinePrices(currency.orElseThrow(), prices);
    }

    private static List<String> names() {
        return Stream.concat(
                        Stream.of("currency"),
                        Stream.of(Item.values())
                                .flatMap(item ->
                                        Stream.of("amount", "source", "as-of").map(part -> item.key() + "." + part)))
                .toList();
    }

    /** Empty if it is wrong, which is a problem then. */
    private <T> Optional<T> take(String name, ValueType<T> type) {
        RawValue value = raw.remove(name);
        if (value == null) {
            problems.add(file, name + ": is missing; write " + type.description());
            return Optional.empty();
        }
        return switch (type.parse(value)) {
            case Parsed.Good<T>(T good) -> Optional.of(good);
            case Parsed.Bad<T>(String problem) -> {
                problems.add(value.place(), name + ": " + problem);
                yield Optional.empty();
            }
        };
    }

    private static ValueType<Double> amount() {
        return ValueType.scalar(
                "an amount from 0 on in the currency's units, with up to 12 decimals, such as `0.005`",
                (text, place) ->
                        Optional.of(text).filter(AMOUNT.asMatchPredicate()).map(Double::parseDouble));
    }

    private static ValueType<String> matching(String description, String expression) {
        Pattern pattern = Pattern.compile(expression);
        return ValueType.scalar(description, (text, place) -> Optional.of(text).filter(pattern.asMatchPredicate()));
    }

    private static Optional<LocalDate> day(String text) {
        try {
            return Optional.of(LocalDate.parse(text));
        } catch (DateTimeParseException _) {
            return Optional.empty();
        }
    }
}
