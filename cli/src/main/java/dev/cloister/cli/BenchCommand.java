package dev.cloister.cli;

import picocli.CommandLine.Command;

/** Measurements, each a subcommand of its own. */
@Command(
        name = "bench",
        description = "Measure on this host what Cloister costs.",
        mixinStandardHelpOptions = true,
        subcommands = {
            BenchLaunchCommand.class,
            BenchTurnCommand.class,
            BenchStartCommand.class,
            BenchExecCommand.class,
            BenchScaleCommand.class,
            BenchSoakCommand.class,
            BenchExhaustionCommand.class,
            BenchEgressCommand.class
        })
final class BenchCommand {}
