package dev.cloister.core.config;

import java.util.Locale;

/**
 * One key of the configuration.
 *
 * @param name kebab-case, dots between its groups
 * @param meaning the sentences that document it
 * @param example a value as it would be written in the file
 */
record Key<T>(String name, ValueType<T> type, Standard standard, String meaning, String example) {
    /** What holds when the key is not set. */
    sealed interface Standard {
        /** The same as if this text had been written. */
        record Text(String text) implements Standard {}

        /** Follows from something else, said in words. */
        record Derived(String words) implements Standard {}
    }

    String environmentVariable() {
        return "CLOISTER_" + name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }
}
