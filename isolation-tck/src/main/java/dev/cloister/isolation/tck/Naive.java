package dev.cloister.isolation.tck;

/**
 * What attacks get through where nothing is checked, as texts for python3. The first is a server of the same API: its argument is a directory for its tenants' trees, its
 * first line says {@code READY} and its port, and it ends when its standard input does. The control for attacks over the API.
 */
public final class Naive {
    private Naive() {}

    public static String script() {
        return Texts.of("naive.py");
    }

    /** An HTTP proxy. Its arguments are unix sockets to listen on; its first line says {@code READY}. */
    public static String proxy() {
        return Texts.of("proxy.py");
    }
}
