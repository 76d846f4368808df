package dev.cloister.core.config;

/** What became of a raw value. */
sealed interface Parsed<T> {
    record Good<T>(T value) implements Parsed<T> {}

    /**
     * The raw value is wrong.
     *
     * @param problem what is wrong and what would be right, to stand behind the key's name
     */
    record Bad<T>(String problem) implements Parsed<T> {}
}
