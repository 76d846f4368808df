package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Which uids an installation uses. Drawn at random at first start, from a space that distributions leave alone, so that two
 * installations on one machine do not give one uid to two tenants.
 *
 * @param first the first uid; two are for probing, one for the canary, the rest for tenants
 * @param last the last uid
 */
record UidRanges(long first, long last) {
    private static final long SPACE = 0x2000_0000L;
    private static final long SIZE = 0x1_0000L;
    private static final int SLOTS = 8192;
    private static final int RESERVED = 3;

    /** @param taken ranges that the system's own files give to others */
    static UidRanges draw(RandomGenerator random, List<UidRanges> taken) {
        for (int attempt = 0; attempt < SLOTS; attempt++) {
            long first = SPACE + random.nextInt(SLOTS) * SIZE;
            UidRanges candidate = new UidRanges(first, first + SIZE - 1);
            if (taken.stream().noneMatch(candidate::overlaps)) {
                return candidate;
            }
        }
        throw new IllegalStateException("no range of uids is free; set tenants.uid-range");
    }

    static UidRanges of(CloisterConfig.UidRange configured) {
        return new UidRanges(configured.first(), configured.last());
    }

    static UidRanges parse(String text) {
        String[] ends = text.split("-", 2);
        return new UidRanges(Long.parseLong(ends[0]), Long.parseLong(ends[1]));
    }

    /** Ranges named by lines of {@code /etc/passwd} and {@code /etc/subuid}; lines that are not understood name none. */
    static List<UidRanges> taken(List<String> passwd, List<String> subuid) {
        List<UidRanges> taken = new ArrayList<>();
        for (String line : passwd) {
            String[] fields = line.split(":", -1);
            if (fields.length > 2 && fields[2].matches("\\d{1,10}")) {
                taken.add(new UidRanges(Long.parseLong(fields[2]), Long.parseLong(fields[2])));
            }
        }
        for (String line : subuid) {
            String[] fields = line.split(":", -1);
            if (fields.length > 2 && fields[1].matches("\\d{1,10}") && fields[2].matches("\\d{1,10}")) {
                long first = Long.parseLong(fields[1]);
                taken.add(new UidRanges(first, first + Long.parseLong(fields[2]) - 1));
            }
        }
        return taken;
    }

    private boolean overlaps(UidRanges other) {
        return first <= other.last && other.first <= last;
    }

    long probe() {
        return first;
    }

    long canary() {
        return first + 2;
    }

    long firstTenant() {
        return first + RESERVED;
    }

    @Override
    public String toString() {
        return first + "-" + last;
    }
}
