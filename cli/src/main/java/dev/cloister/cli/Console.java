package dev.cloister.cli;

import java.io.PrintWriter;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Where a command that takes a while prints: results on standard output, what it is about on standard error. */
record Console(PrintWriter out, PrintWriter err) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    static Console of(CommandSpec spec) {
        return new Console(spec.commandLine().getOut(), spec.commandLine().getErr());
    }

    /** Prints each line at once. */
    Consumer<String> progress() {
        return line -> {
            err.println("cloister: " + line);
            err.flush();
        };
    }

    /** One object, indented. */
    void print(JsonNode json) {
        out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
    }
}
