package dev.cloister.cli;

import dev.cloister.core.error.CloisterException;
import dev.cloister.spi.IsolationException;
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
        },
        subcommands = {
            ServeCommand.class,
            DemoCommand.class,
            DoctorCommand.class,
            AttackCommand.class,
            BenchCommand.class,
            TenantCommand.class,
            MigrateCommand.class,
            AuditCommand.class,
            EgressCommand.class
        })
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        CommandLine commandLine = new CommandLine(new Main());
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
