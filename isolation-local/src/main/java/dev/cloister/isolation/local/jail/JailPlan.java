package dev.cloister.isolation.local.jail;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * All that a jail holds, by inner path, parents before what is in them.
 *
 * @param sources lines that say what each source was when it was looked at; while they stay true, so does the plan
 */
record JailPlan(SortedMap<String, Entry> entries, List<String> sources) {
    JailPlan {
        entries = Collections.unmodifiableSortedMap(new TreeMap<>(entries));
        sources = List.copyOf(sources);
    }

    sealed interface Entry {
        record Directory() implements Entry {}

        record Copy(Path source, boolean executable) implements Entry {}

        record Text(String content) implements Entry {}

        record Link(String target) implements Entry {}
    }
}
