package dev.cloister.isolation.tck.corpus;

import dev.cloister.isolation.tck.Attack;
import java.util.List;
import java.util.stream.Stream;

/** All attacks. */
public final class Corpus {
    private Corpus() {}

    /** From every vantage point. */
    public static List<Attack> attacks() {
        List<Attack> code = code();
        return Stream.of(code, Agents.attacks(code), Clients.attacks())
                .flatMap(List::stream)
                .toList();
    }

    /** The one of that id. */
    public static Attack attack(String id) {
        return attacks().stream()
                .filter(attack -> attack.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no attack " + id));
    }

    private static List<Attack> code() {
        return Stream.of(
                        Reads.attacks(),
                        Interpreters.attacks(),
                        Compiled.attacks(),
                        Links.attacks(),
                        Proc.attacks(),
                        Traces.attacks(),
                        ServerState.attacks(),
                        Processes.attacks(),
                        Ipc.attacks(),
                        Network.attacks(),
                        Privileges.attacks(),
                        Resources.attacks(),
                        Remains.attacks(),
                        Brokers.attacks(),
                        Egress.attacks())
                .flatMap(List::stream)
                .toList();
    }
}
