package dev.cloister.isolation.tck;

/** What became of an attack. */
public enum Outcome {
    /** It got through where nothing stops it, and not here. */
    BLOCKED,
    /** It got through here. */
    PASSED,
    /** It did not even get through where nothing stops it, or was not made to its end, so that it says nothing about here. */
    INVALID
}
