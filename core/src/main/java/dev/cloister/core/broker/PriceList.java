package dev.cloister.core.broker;

import dev.cloister.core.config.CloisterConfig.Price;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What tokens cost. */
final class PriceList {
    private static final double CACHE_WRITE = 1.25;
    private static final double CACHE_READ = 0.1;

    private record Entry(Pattern pattern, Price price) {}

    private final List<Entry> entries;

    PriceList(List<Price> prices) {
        this.entries = prices.stream()
                .map(price -> new Entry(pattern(price.pattern()), price))
                .toList();
    }

    private static Pattern pattern(String glob) {
        return Pattern.compile(
                Stream.of(glob.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*")));
    }

    /** Millionths of a dollar: a price per million tokens is just that per token. 0 for a model without a price. */
    long costMicros(String model, TokenUsage usage) {
        return entries.stream()
                .filter(entry -> entry.pattern().matcher(model).matches())
                .findFirst()
                .map(Entry::price)
                .map(price -> Math.round(price.input()
                                * (usage.input() + CACHE_WRITE * usage.cacheWrite() + CACHE_READ * usage.cacheRead())
                        + price.output() * usage.output()))
                .orElse(0L);
    }
}
