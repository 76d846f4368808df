package dev.cloister.core.config;

import dev.cloister.core.config.CloisterConfig.Price;
import dev.cloister.core.config.CloisterConfig.UidRange;
import dev.cloister.core.reach.EgressPresets;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.spi.Guarantee;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The types that keys have. */
final class ValueTypes {
    private static final Pattern IMAGE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}");
    private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(ms|s|m|h)");
    private static final Map<String, ChronoUnit> TIME_UNITS =
            Map.of("ms", ChronoUnit.MILLIS, "s", ChronoUnit.SECONDS, "m", ChronoUnit.MINUTES, "h", ChronoUnit.HOURS);
    private static final Duration LONGEST = Duration.ofHours(24);

    private static final Pattern SIZE = Pattern.compile("([0-9]{1,10})(B|KiB|MiB|GiB)");
    private static final Map<String, Integer> SIZE_SHIFTS = Map.of("B", 0, "KiB", 10, "MiB", 20, "GiB", 30);

    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,10}");
    private static final Pattern DECIMAL = Pattern.compile("[0-9]{1,6}(\\.[0-9]{1,6})?");
    private static final Pattern ABSOLUTE = Pattern.compile("/[^\\p{Cntrl},]*[^\\p{Cntrl},/]");
    private static final Pattern HOST_NAME = Pattern.compile(
            "(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*");
    private static final Pattern MODEL = Pattern.compile("[A-Za-z0-9._:@/*\\[\\]-]+");
    private static final Pattern PRICE =
            Pattern.compile("(" + MODEL.pattern() + ")=([0-9]{1,6}(?:\\.[0-9]{1,6})?)/([0-9]{1,6}(?:\\.[0-9]{1,6})?)");
    private static final Pattern UID_RANGE = Pattern.compile("([0-9]{1,10})-([0-9]{1,10})");
    private static final long FIRST_UID = 1000;
    /** The kernel reserves the last two 32-bit ids: (uid_t) -1 means "unchanged", and -2 is some systems' nobody. */
    private static final long LAST_UID = 0xFFFF_FFFFL - 2;

    private static final Set<Long> RESERVED_UIDS = Set.of(65534L, 65535L);

    private ValueTypes() {}

    static ValueType<Boolean> flag() {
        return ValueType.scalar("`true` or `false`", (text, place) -> switch (text) {
            case "true" -> Optional.of(true);
            case "false" -> Optional.of(false);
            default -> Optional.empty();
        });
    }

    static ValueType<Integer> number(int least, int most) {
        return ValueType.scalar(
                "a whole number from %d to %d".formatted(least, most),
                (text, place) -> Optional.of(text)
                        .filter(NUMBER.asMatchPredicate())
                        .map(Long::parseLong)
                        .filter(number -> number >= least && number <= most)
                        .map(Long::intValue));
    }

    static ValueType<Double> decimal(double least, double most) {
        return ValueType.scalar(
                "a number from %s to %s, such as `0.5` or `2`".formatted(plain(least), plain(most)),
                (text, place) -> Optional.of(text)
                        .filter(DECIMAL.asMatchPredicate())
                        .map(Double::parseDouble)
                        .filter(number -> number >= least && number <= most));
    }

    private static String plain(double number) {
        return BigDecimal.valueOf(number).stripTrailingZeros().toPlainString();
    }

    static ValueType<Duration> duration() {
        return ValueType.scalar("a duration from 1ms to 24h, such as `500ms`, `30s`, `5m` or `1h`", (text, place) -> {
            Matcher matcher = DURATION.matcher(text);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            Duration duration = Duration.of(Long.parseLong(matcher.group(1)), unit(matcher.group(2)));
            return duration.isPositive() && duration.compareTo(LONGEST) <= 0 ? Optional.of(duration) : Optional.empty();
        });
    }

    private static ChronoUnit unit(String name) {
        return Optional.ofNullable(TIME_UNITS.get(name)).orElseThrow();
    }

    /** @param most the largest that is right, as it would be written */
    static ValueType<Long> size(String most) {
        long largest = bytes(most).orElseThrow();
        return ValueType.scalar(
                "a size from 1B to %s, such as `100B`, `512KiB`, `8MiB` or `1GiB`".formatted(most),
                (text, place) -> bytes(text).filter(bytes -> bytes >= 1 && bytes <= largest));
    }

    private static Optional<Long> bytes(String text) {
        Matcher matcher = SIZE.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int shift = Optional.ofNullable(SIZE_SHIFTS.get(matcher.group(2))).orElseThrow();
        long count = Long.parseLong(matcher.group(1));
        return count <= Long.MAX_VALUE >> shift ? Optional.of(count << shift) : Optional.empty();
    }

    /** The constants of an enum, in lower case with hyphens. */
    static <E extends Enum<E>> ValueType<E> choice(Class<E> type) {
        return choice(List.of(type.getEnumConstants()), ValueTypes::kebab);
    }

    static String kebab(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static <E> ValueType<E> choice(List<E> constants, Function<E, String> name) {
        String names =
                constants.stream().map(name).map(word -> "`" + word + "`").collect(Collectors.joining(", "));
        return ValueType.scalar(
                "one of " + names,
                (text, place) -> constants.stream()
                        .filter(constant -> name.apply(constant).equals(text))
                        .findFirst());
    }

    static ValueType<List<Guarantee>> guarantees() {
        return ValueType.list(choice(List.of(Guarantee.values()), Guarantee::name), "a list of guarantees", 0);
    }

    static ValueType<String> host() {
        return ValueType.scalar(
                "an address or a host name",
                (text, place) -> Optional.of(text)
                        .filter(host -> Loopback.isLiteral(host)
                                || HOST_NAME.matcher(host).matches()));
    }

    /** A name of an image or a runtime, as container engines know them. */
    static ValueType<String> image() {
        return ValueType.scalar(
                "a name of letters, digits and `._/:@-`",
                (text, place) -> Optional.of(text).filter(IMAGE.asMatchPredicate()));
    }

    /** An absolute, normalised path. A text that is itself a key of the upstream is refused, and never shown. */
    static ValueType<Path> path() {
        return ValueType.hidden(
                "a path: absolute, from `~/`, or relative to the file's directory or the current one",
                (text, place) -> {
                    if (text.startsWith("sk-") || text.equals("~")) {
                        return Optional.empty();
                    }
                    try {
                        Path path = text.startsWith("~/") ? place.home().resolve(text.substring(2)) : Path.of(text);
                        return Optional.of(place.base().resolve(path).normalize());
                    } catch (InvalidPathException _) {
                        return Optional.empty();
                    }
                });
    }

    static ValueType<URI> url() {
        return ValueType.hidden(
                "an http or https URL with a host, and without user, query or fragment", (text, place) -> {
                    try {
                        URI url = new URI(text);
                        boolean right = ("https".equals(url.getScheme()) || "http".equals(url.getScheme()))
                                && url.getHost() != null
                                && Stream.of(
                                                Optional.ofNullable(url.getRawUserInfo()),
                                                Optional.ofNullable(url.getRawQuery()),
                                                Optional.ofNullable(url.getRawFragment()))
                                        .allMatch(Optional::isEmpty);
                        return right ? Optional.of(url) : Optional.empty();
                    } catch (URISyntaxException _) {
                        return Optional.empty();
                    }
                });
    }

    static ValueType<UidRange> uidRange() {
        return ValueType.scalar(
                "a range FIRST-LAST of uids from %d to %d that leaves out 65534 and 65535"
                        .formatted(FIRST_UID, LAST_UID),
                (text, place) -> {
                    Matcher matcher = UID_RANGE.matcher(text);
                    if (!matcher.matches()) {
                        return Optional.empty();
                    }
                    UidRange range = new UidRange(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
                    boolean right = range.first() >= FIRST_UID
                            && range.first() <= range.last()
                            && range.last() <= LAST_UID
                            && RESERVED_UIDS.stream().noneMatch(uid -> range.first() <= uid && uid <= range.last());
                    return right ? Optional.of(range) : Optional.empty();
                });
    }

    static ValueType<List<String>> models() {
        ValueType<String> model = ValueType.scalar(
                "a model's name in which `*` stands for anything",
                (text, place) -> Optional.of(text).filter(MODEL.asMatchPredicate()));
        return ValueType.list(model, "a list of model names in which `*` stands for anything", 1);
    }

    static ValueType<List<Price>> prices() {
        ValueType<Price> price =
                ValueType.scalar("a price PATTERN=INPUT/OUTPUT, such as `claude-opus-*=5/25`", (text, place) -> {
                    Matcher matcher = PRICE.matcher(text);
                    return matcher.matches()
                            ? Optional.of(new Price(
                                    matcher.group(1),
                                    Double.parseDouble(matcher.group(2)),
                                    Double.parseDouble(matcher.group(3))))
                            : Optional.empty();
                });
        return ValueType.list(price, "a list of prices PATTERN=INPUT/OUTPUT", 0);
    }

    static ValueType<List<String>> absolutePaths() {
        ValueType<String> path = ValueType.scalar(
                "an absolute path", (text, place) -> Optional.of(text).filter(ABSOLUTE.asMatchPredicate()));
        return ValueType.list(path, "a list of absolute paths", 0);
    }

    /** Rules, and names of the lists that there always are. */
    static ValueType<List<EgressRule>> egressRules() {
        return egressRules(Map.of());
    }

    /** @param lists others that may be named; one with the name of a host or of a list that is always there comes first */
    static ValueType<List<EgressRule>> egressRules(Map<String, List<EgressRule>> lists) {
        ValueType<List<EgressRule>> rule = ValueType.scalar(
                EgressRule.FORM + ", or one of the lists " + EgressPresets.names(),
                (text, place) -> Optional.ofNullable(lists.get(text))
                        .or(() -> EgressPresets.find(text))
                        .or(() -> EgressRule.parse(text).map(List::of)));
        return ValueType.list(rule, "a list of rules such as `example.com`, and of names of lists", 0)
                .map(rules -> rules.stream().flatMap(List::stream).toList());
    }

    static ValueType<List<HostCredential>> hostCredentials() {
        ValueType<HostCredential> one =
                ValueType.scalar(HostCredential.FORM, (text, place) -> HostCredential.parse(text));
        return ValueType.list(one, "a list of hosts and files", 0);
    }

    static ValueType<List<String>> toolRules() {
        ValueType<String> rule = ValueType.scalar(
                "a tool rule, such as `WebFetch` or `Bash(make:*)`",
                (text, place) -> Optional.of(text).filter(ToolRule::isOne));
        return ValueType.list(rule, "a list of tool rules, such as `WebFetch` or `Bash(make:*)`", 0);
    }
}
