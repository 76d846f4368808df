package dev.cloister.spi;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** The ways in which a tenant's processes can be confined, from the cheapest to the strongest. */
public enum IsolationMode {
    DIRECTORIES,
    NAMESPACES,
    CHROOT,
    CONTAINER,
    MICROVM;

    /** The name used in configuration, metrics and answers. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<IsolationMode> of(String id) {
        return Stream.of(values()).filter(mode -> mode.id().equals(id)).findFirst();
    }
}
