package dev.cloister.isolation.tck;

/**
 * A server of the same API without any check, as a text for python3: its argument is a directory for its tenants' trees, its
 * first line says {@code READY} and its port, and it ends when its standard input does. The control for attacks over the API.
 */
public final class Naive {
    private Naive() {}

    public static String script() {
        return Texts.of("naive.py");
    }
}
