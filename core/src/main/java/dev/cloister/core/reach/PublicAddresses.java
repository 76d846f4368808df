package dev.cloister.core.reach;

import java.net.InetAddress;
import java.util.List;

/**
 * Which addresses belong to the public network. Everything else is somebody's own: this machine, its neighbours, a cloud's
 * metadata. From IANA's registries of special-purpose addresses (RFC 6890 and what it lists since), and what clouds serve their
 * metadata on. Pure.
 */
final class PublicAddresses {
    private record Block(byte[] prefix, int bits) {
        static Block of(String text) {
            int slash = text.indexOf('/');
            return new Block(
                    InetAddress.ofLiteral(text.substring(0, slash)).getAddress(),
                    Integer.parseInt(text.substring(slash + 1)));
        }

        boolean holds(byte[] address) {
            boolean same = address.length == prefix.length;
            for (int bit = 0; bit < bits && same; bit++) {
                int mask = 0x80 >> (bit & 7);
                same = (address[bit >> 3] & mask) == (prefix[bit >> 3] & mask);
            }
            return same;
        }
    }

    private static List<Block> blocks(String... texts) {
        return List.of(texts).stream().map(Block::of).toList();
    }

    private static final List<Block> NOT_PUBLIC = blocks(
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            // Azure's platform services: a public address that only its own machines can reach.
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            // Teredo and other protocols' own, documentation, and 6to4, which has an IPv4 address of any kind inside.
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "2620:4f:8000::/48",
            "3fff::/20");

    /** All that is given out of IPv6; NAT64 and mapped addresses, which carry IPv4, lie elsewhere. */
    private static final Block GIVEN_OUT = Block.of("2000::/3");

    private PublicAddresses() {}

    static boolean contain(InetAddress address) {
        byte[] bytes = address.getAddress();
        return (bytes.length == 4 || GIVEN_OUT.holds(bytes))
                && NOT_PUBLIC.stream().noneMatch(block -> block.holds(bytes));
    }
}
