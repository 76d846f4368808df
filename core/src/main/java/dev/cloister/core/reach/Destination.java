package dev.cloister.core.reach;

import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The host that a client names, in the one spelling that rules are compared with. What other programs would read as an
 * address (octal, hexadecimal, short or decimal forms, percent escapes, zones) is neither a name nor an address here. Pure.
 */
public sealed interface Destination {
    /** As it stands in rules and messages; an IPv6 address in brackets. */
    String text();

    /** @param text small letters, digits, hyphens, underscores and dots; no dot at the end */
    record Name(String text) implements Destination {}

    record Address(InetAddress address) implements Destination {
        @Override
        public String text() {
            String plain = address.getHostAddress();
            return plain.indexOf(':') < 0 ? plain : "[" + plain + "]";
        }
    }

    /** RFC 1123, section 2.1, and underscores, which some hosts have. */
    Pattern NAME = Pattern.compile(
            "(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*");

    /** What the URL standard takes for an IPv4 address: a last label of digits only, or with 0x before it. */
    Pattern NUMERIC_END = Pattern.compile("(.*\\.)?([0-9]+|0x[0-9a-f]*)");

    /** Four decimal numbers without leading zeros, which other programs take for octal. */
    Pattern IPV4 = Pattern.compile("((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(?!$)|$)){4}");

    Pattern IPV6 = Pattern.compile("\\[(?=[^:]*:)[0-9a-f:.]{2,45}\\]");

    /** @return empty if it is neither a name nor an address in its plain spelling */
    static Optional<Destination> parse(String host) {
        String small = host.toLowerCase(Locale.ROOT);
        if (IPV6.matcher(small).matches()) {
            return literal(small.substring(1, small.length() - 1));
        }
        if (IPV4.matcher(small).matches()) {
            return literal(small);
        }
        String name = small.endsWith(".") ? small.substring(0, small.length() - 1) : small;
        boolean good = host.chars().allMatch(one -> one < 0x80)
                && NAME.matcher(name).matches()
                && !NUMERIC_END.matcher(name).matches();
        return good ? Optional.of(new Name(name)) : Optional.empty();
    }

    private static Optional<Destination> literal(String text) {
        try {
            return Optional.of(new Address(InetAddress.ofLiteral(text)));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }
}
