package dev.cloister.core.config;

import java.time.LocalDate;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * What somebody takes for a machine.
 *
 * @param currency three capital letters
 * @param prices one for each item
 */
public record MachinePrices(String currency, Map<Item, Price> prices) {
    /** What is paid for. */
    public enum Item {
        /** A GiB of memory for an hour. */
        MEMORY_GIB_HOUR,
        /** A processor for an hour. */
        VCPU_HOUR,
        /** A GiB of disk for a month. */
        DISK_GIB_MONTH,
        /** A request, for whatever is charged by the piece; may be 0. */
        REQUEST;

        /** As it is written in the file. */
        public String key() {
            return ValueTypes.kebab(this);
        }
    }

    /**
     * One price.
     *
     * @param amount 0 or more
     * @param source where it was found, for people
     * @param asOf the day on which it was found there
     */
    public record Price(double amount, String source, LocalDate asOf) {}

    public MachinePrices {
        EnumMap<Item, Price> all = new EnumMap<>(Item.class);
        all.putAll(prices);
        if (all.size() != Item.values().length) {
            throw new IllegalArgumentException("a price is missing: " + all.keySet());
        }
        prices = Collections.unmodifiableMap(all);
    }

    /** Of one unit of the item. */
    public double of(Item item) {
        return price(item).amount();
    }

    public Price price(Item item) {
        Price price = prices.get(item);
        if (price == null) {
            throw new IllegalStateException("no price of " + item);
        }
        return price;
    }
}
