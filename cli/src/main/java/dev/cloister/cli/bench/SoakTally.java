package dev.cloister.cli.bench;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** What happened during a soak. Thread-safe. */
final class SoakTally {
    private static final int MOST_TEXTS = 10;

    /** What is counted. */
    enum Count {
        TURNS("turns answered"),
        EXECS("commands answered"),
        CANCELS("turns cancelled"),
        DISCONNECTS("disconnects in the middle"),
        KILLS("agents killed"),
        BROKEN("turns broken by a kill"),
        REFUSALS("refusals, tried again"),
        SESSIONS("sessions opened"),
        RETIRED("sessions checked and deleted"),
        CHECKED("sessions checked at the end");

        private final String words;

        Count(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }
    }

    private record Span(long from, long to) {}

    private final Consumer<String> progress;
    private final Map<Count, Integer> counts = new EnumMap<>(Count.class);
    private final Map<String, List<Span>> kills = new HashMap<>();
    private final Set<String> lost = new HashSet<>();
    private final List<String> texts = new ArrayList<>();
    private int failures;

    /** @param progress gets a line for each failure */
    SoakTally(Consumer<String> progress) {
        this.progress = progress;
    }

    synchronized void count(Count what) {
        counts.merge(what, 1, Integer::sum);
    }

    synchronized int of(Count what) {
        return counts.getOrDefault(what, 0);
    }

    /** Something that must not happen. */
    synchronized void fail(String what) {
        failures++;
        if (texts.size() < MOST_TEXTS) {
            texts.add(what);
            progress.accept("unexpected: " + what);
        }
    }

    synchronized int failures() {
        return failures;
    }

    /** The first failures. */
    synchronized List<String> texts() {
        return List.copyOf(texts);
    }

    /** A session does not answer, or has forgotten what was said in it. */
    synchronized void lose(String session) {
        lost.add(session);
    }

    synchronized int lost() {
        return lost.size();
    }

    /** The agent of a session was killed at some time between these two, as {@link System#nanoTime} tells it. */
    synchronized void killed(String session, long from, long to) {
        count(Count.KILLS);
        kills.computeIfAbsent(session, first -> new ArrayList<>()).add(new Span(from, to));
    }

    /** Whether an agent of the session was killed within this time, which excuses a turn. */
    synchronized boolean wasKilled(String session, long from, long to) {
        return kills.getOrDefault(session, List.of()).stream()
                .anyMatch(kill -> kill.to() - from >= 0 && to - kill.from() >= 0);
    }
}
