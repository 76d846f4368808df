package dev.cloister.cli.bench;

import dev.cloister.cli.demo.Client;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Means;
import dev.cloister.isolation.tck.corpus.Corpus;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/**
 * One way to take more than one's share.
 *
 * @param request the body of a command that does it
 */
record Exhaustion(String name, ObjectNode request) {
    /** What attacks of the corpus are told; files of theirs have this in their names. */
    private static final Map<String, String> VARIABLES = Map.of("V_BAIT", "00be4c00");

    /** Those of the corpus, and those that aim at the server's side: its pipes, its memory, the disk. */
    static List<Exhaustion> all() {
        List<Exhaustion> all = new ArrayList<>();
        Corpus.attacks().stream()
                .filter(attack -> attack.family() == Family.RESOURCES)
                .forEach(attack -> {
                    if (attack.means() instanceof Means.Code code) {
                        all.add(new Exhaustion(attack.id(), Client.command(code.command(), VARIABLES)));
                    }
                });
        all.add(shell("fork-bomb", "b() { b | b & }; b; sleep 5"));
        all.add(shell(
                "busy-loops", "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; sleep 5; kill $(jobs -p)"));
        all.add(shell("output-flood", "exec yes"));
        all.add(streamed(shell("output-flood-streamed", "exec yes")));
        all.add(shell("output-endless-line", "exec tr '\\0' x </dev/zero"));
        all.add(streamed(shell("output-endless-line-streamed", "exec tr '\\0' x </dev/zero")));
        all.add(shell("output-one-byte-at-a-time", "exec dd if=/dev/zero bs=1 count=1000000000"));
        all.add(shell("big-file", "dd if=/dev/zero of=big bs=1M count=1024; rm -f big"));
        all.add(shell("big-file-synced", "dd if=/dev/zero of=big bs=64k count=2048 oflag=dsync; rm -f big"));
        all.add(shell(
                "many-files",
                "mkdir -p many; i=0; while [ $i -lt 20000 ]; do : >many/$i; i=$((i + 1)); done; rm -rf many"));
        all.add(shell("many-files-tmp", "i=0; while :; do : >/tmp/$i || exit; i=$((i + 1)); done"));
        return List.copyOf(all);
    }

    private static Exhaustion shell(String name, String script) {
        return new Exhaustion(name, Client.command(List.of("/bin/sh", "-c", script), VARIABLES));
    }

    private static Exhaustion streamed(Exhaustion whole) {
        return new Exhaustion(whole.name(), whole.request().put("stream", true));
    }
}
