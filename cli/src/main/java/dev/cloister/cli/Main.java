package dev.cloister.cli;

import dev.cloister.core.error.CloisterException;
import dev.cloister.spi.IsolationException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Cloister's entry. */
@Command(
        name = "cloister",
        description = "A coding agent for many users on one server, each invisible to every other.",
        mixinStandardHelpOptions = true,
        version = "cloister 0.1.0",
        footer = {
            "",
            "Two more commands belong to the ./cloister script itself:",
            "  verify  Install what the tests need and run them all.",
            "  docs    Write docs/configuration.md from the table of keys."
        })
public final class Main {
    private static final Map<String, Class<?>> COMMANDS = commands();

    private Main() {}

    private static Map<String, Class<?>> commands() {
        Map<String, Class<?>> all = new LinkedHashMap<>();
        all.put("serve", ServeCommand.class);
        all.put("demo", DemoCommand.class);
        all.put("doctor", DoctorCommand.class);
        all.put("attack", AttackCommand.class);
        all.put("bench", BenchCommand.class);
        all.put("cost", CostCommand.class);
        all.put("tenant", TenantCommand.class);
        all.put("migrate", MigrateCommand.class);
        all.put("audit", AuditCommand.class);
        all.put("egress", EgressCommand.class);
        all.put("vm", VmCommand.class);
        return all;
    }

    public static void main(String[] arguments) {
        System.exit(commandLine(arguments).execute(arguments));
    }

    /**
     * For these arguments: with the one command that they name, or with all. To look through the annotations of all of them
     * takes a seventh of a server's start.
     */
    static CommandLine commandLine(String... arguments) {
        CommandLine commandLine = new CommandLine(new Main());
        @Nullable Class<?> named = arguments.length == 0 ? null : COMMANDS.get(arguments[0]);
        if (named == null) {
            COMMANDS.forEach(commandLine::addSubcommand);
        } else {
            commandLine.addSubcommand(arguments[0], named);
        }
        commandLine.setExecutionExceptionHandler((failure, command, parsed) -> {
            command.getErr().println(message(failure));
            return 1;
        });
        return commandLine;
    }

    /** What went wrong in words for people; a stack only where it is our own mistake. */
    private static String message(Exception failure) {
        if (failure instanceof CloisterException || failure instanceof IsolationException) {
            return "cloister: " + failure.getMessage();
        }
        StringBuilder text = new StringBuilder("cloister: this should not have happened; please report it: " + failure);
        for (StackTraceElement element : failure.getStackTrace()) {
            text.append("\n    at ").append(element);
        }
        return text.toString();
    }
}
