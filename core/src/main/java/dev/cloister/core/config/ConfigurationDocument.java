package dev.cloister.core.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Renders {@code docs/configuration.md} from the table of keys; {@code ./cloister docs} writes it. */
public final class ConfigurationDocument {
    private static final String HEAD = """
            # Configuration

            This page is written by `./cloister docs` from the table that the server itself reads; a test fails when the two differ.

            Every key can be set in four places. Later ones win:

            1. the default;
            2. the file given with `--config`, in YAML. `limits.body: 8MiB` and `limits:` with `body: 8MiB` below it mean the same;
            3. the environment variable of the key;
            4. the command line.

            In a variable, a list is written with commas between its items. Relative paths start from the file's directory, in
            variables and on the command line from the current one; `~/` is the home directory of the server's user. All problems are
            reported together, each with its line; a key that does not exist is a problem. Variables that Kubernetes makes for a
            Service named `cloister` are left alone. Two variables belong to the `cloister` script: `CLOISTER_CACHE` is where it
            installs the agent CLI, `CLOISTER_JAVA_OPTS` holds further options of the JVM.

            ```yaml
            host: 0.0.0.0
            port: 8484
            identity:
              mode: keys
            upstream:
              credential: operator
              credential-file: /etc/cloister/upstream-key
            limits:
              turns: 64
              turns-per-tenant: 4
            ```
            """;

    private ConfigurationDocument() {}

    /**
     * Writes the document to the file named by the only argument.
     *
     * @throws IOException when the file cannot be written
     */
    public static void main(String[] arguments) throws IOException {
        Files.writeString(Path.of(arguments[0]), render());
    }

    /** The whole document, in Markdown; ends with a line feed. */
    public static String render() {
        StringBuilder document = new StringBuilder(HEAD);
        String previous = "";
        for (Key<?> key : Keys.ALL) {
            String group = group(key);
            if (!group.equals(previous)) {
                document.append("\n## ").append(group).append('\n');
                previous = group;
            }
            document.append("""

                    ### `%s`
                    %s

                    | type | default | environment variable | example |
                    |---|---|---|---|
                    | %s | %s | `%s` | `%s: %s` |
                    """.formatted(
                            key.name(),
                            key.meaning(),
                            key.type().description(),
                            standard(key),
                            key.environmentVariable(),
                            key.name(),
                            key.example()));
        }
        return document.toString();
    }

    private static String group(Key<?> key) {
        int dot = key.name().indexOf('.');
        String name = dot < 0 ? "server" : key.name().substring(0, dot);
        return name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
    }

    private static String standard(Key<?> key) {
        return switch (key.standard()) {
            case Key.Standard.Derived(String words) -> words;
            case Key.Standard.Text(String text) when text.isEmpty() -> "none";
            case Key.Standard.Text(String text) -> "`" + text + "`";
        };
    }
}
