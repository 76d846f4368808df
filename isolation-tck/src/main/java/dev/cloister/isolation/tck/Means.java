package dev.cloister.isolation.tck;

import java.util.List;

/** What an attack is made with. It finds what it aims at under the names of {@link Bait#variables}, and is given no secret. */
public sealed interface Means {
    /** Whether this host has what it takes to make it. */
    default boolean canBeMade() {
        return true;
    }

    /** A program's text; the names are in its environment. */
    record Code(Language language, String text) implements Means {
        @Override
        public boolean canBeMade() {
            return language.isUsable();
        }

        public List<String> command() {
            return language.command(text);
        }
    }

    /**
     * Messages to the agent, one turn each, in one session; {@code ${NAME}} stands for what a name means.
     *
     * @param before a shell's text that prepares the attacker's workspace; may be empty
     * @param after a shell's text that says what came of it; may be empty
     */
    record Talk(String before, List<String> prompts, String after) implements Means {
        public Talk {
            prompts = List.copyOf(prompts);
        }
    }
}
