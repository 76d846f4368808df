package dev.cloister.cli.bench;

import dev.cloister.spi.IsolationMode;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** The modes of a report of `bench launch` beside each other, as a section of a document. Pure. */
final class ModeTable {
    private static final String HEAD = """
            ## The modes beside each other

            From the report `launch` below; all are medians. A tenant *at rest* has its sandbox closed and is back without being made anew;
            *idle*, it is open and nothing runs; *working*, its agent is there (4 such tenants at once: what they have in common is
            shared). Memory is the PSS of all processes that came with the tenants and went with them, whoever started them, and what
            the kernel took meanwhile; what programs that were there before grew by, such as an engine, is not in it. *First use* and
            *next use* are `/bin/true` by a tenant of whom nothing was there, and by one at rest; *command* is the same in an open
            sandbox, and so many times the floor. *First event* is the model's, on a cold agent. *Opening* is what a server's first start in
            the mode takes beyond others, where nothing that the mode keeps was there: in `microvm` mode the boot of the machine whose
            state all others go on from.

            | mode | at rest, MiB | idle, MiB | working, MiB | opening, ms | first use, ms | next use, ms | command, ms | × floor | first event, ms | processor time a turn, ms |
            |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
            """;

    private ModeTable() {}

    static String markdown(JsonNode report) {
        StringBuilder text = new StringBuilder(HEAD);
        for (String mode : modes(report)) {
            List<Optional<Double>> cells = List.of(
                    ModeFigure.REST.in(report, mode),
                    ModeFigure.IDLE.in(report, mode),
                    ModeFigure.WORKING.in(report, mode),
                    p50(report, ModeTime.OPENING, mode),
                    p50(report, ModeTime.FIRST_USE, mode),
                    p50(report, ModeTime.NEXT_USE, mode),
                    p50(report, ModeTime.COMMAND, mode),
                    ModeTime.COMMAND
                            .in(report, mode)
                            .map(one -> one.path("ratio").asDouble()),
                    p50(report, ModeTime.TURN, mode),
                    processorTime(report, mode));
            text.append("| ").append(mode).append(" |");
            cells.forEach(cell -> text.append(' ')
                    .append(cell.map("%.2f"::formatted).orElse("not measured"))
                    .append(" |"));
            text.append('\n');
        }
        text.append('\n');
        for (JsonNode one : report.path("left_out")) {
            if (IsolationMode.of(one.path("name").asString()).isPresent()) {
                text.append("Left out: %s: %s%n%n"
                        .formatted(one.path("name").asString(), one.path("why").asString()));
            }
        }
        return text.toString();
    }

    /** Those that the report has times of, from the cheapest to the strongest. */
    static List<String> modes(JsonNode report) {
        Predicate<String> measured = mode -> ModeTime.COMMAND.in(report, mode).isPresent();
        return Stream.of(IsolationMode.values())
                .map(IsolationMode::id)
                .filter(measured)
                .toList();
    }

    private static Optional<Double> p50(JsonNode report, ModeTime time, String mode) {
        return time.in(report, mode).map(one -> one.path("p50_ms").asDouble());
    }

    private static Optional<Double> processorTime(JsonNode report, String mode) {
        return ModeFigure.TENANT_CPU
                .in(report, mode)
                .flatMap(tenant -> ModeFigure.SERVER_CPU.in(report, mode).map(server -> tenant + server));
    }
}
