package dev.cloister.isolation.tck;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * A server of the same API without any check, as a text for python3: its argument is a directory for its tenants' trees, its
 * first line says {@code READY} and its port, and it ends when its standard input does. The control for attacks over the API.
 */
public final class Naive {
    private Naive() {}

    public static String script() {
        return resource("naive.py");
    }

    static String resource(String name) {
        try (InputStream source = Naive.class.getResourceAsStream(name)) {
            if (source == null) {
                throw new IllegalStateException(name + " is missing from this build");
            }
            return new String(source.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException(name + " cannot be read", e);
        }
    }
}
