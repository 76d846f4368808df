package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;

/** Finds the installation's uid range: configured, or drawn once and kept in the store. */
final class Uids {
    private static final String SETTING = "tenants.uid-range";
    private static final int FEWEST = 4;

    private Uids() {}

    static UidRanges of(CloisterConfig config, Store store) {
        UidRanges range = config.tenants()
                .uidRange()
                .map(UidRanges::of)
                .orElseGet(() -> UidRanges.parse(store.setting(SETTING)
                        .orElseGet(() -> store.settingOrElse(
                                SETTING,
                                UidRanges.draw(
                                                new SecureRandom(),
                                                UidRanges.taken(lines("/etc/passwd"), lines("/etc/subuid")))
                                        .toString()))));
        if (range.last() - range.first() + 1 < FEWEST) {
            throw CloisterException.invalid("tenants.uid-range: at least " + FEWEST
                    + " uids are needed: two for probing, one for the trial turn, the rest for tenants");
        }
        return range;
    }

    private static List<String> lines(String file) {
        try {
            return Files.readAllLines(Path.of(file));
        } catch (IOException e) {
            // A minimal system has no such file, and then nobody has a claim by it.
            return List.of();
        }
    }
}
