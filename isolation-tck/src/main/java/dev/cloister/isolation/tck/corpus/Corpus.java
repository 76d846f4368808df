package dev.cloister.isolation.tck.corpus;

import dev.cloister.isolation.tck.Attack;
import java.util.List;
import java.util.stream.Stream;

/** All attacks that are made as code in a sandbox. */
public final class Corpus {
    private Corpus() {}

    public static List<Attack> attacks() {
        return Stream.of(
                        Reads.attacks(),
                        Interpreters.attacks(),
                        Links.attacks(),
                        Proc.attacks(),
                        Traces.attacks(),
                        ServerState.attacks(),
                        Processes.attacks(),
                        Ipc.attacks(),
                        Network.attacks(),
                        Privileges.attacks(),
                        Resources.attacks(),
                        Remains.attacks())
                .flatMap(List::stream)
                .toList();
    }
}
