package dev.cloister.cli.bench;

/**
 * What one turn took.
 *
 * @param first milliseconds until the first event of the model's answer was there
 * @param whole milliseconds until the end of the turn
 * @param answer the model's text
 * @param events how many pieces it came in
 */
record TurnTime(double first, double whole, String answer, int events) {
    /** Notes the pieces of an answer while it comes. Not thread-safe. */
    static final class Watch {
        private final long began;
        private final StringBuilder answer = new StringBuilder();
        private long first;
        private int events;

        /** @param began when the message was sent, by {@link System#nanoTime} */
        Watch(long began) {
            this.began = began;
        }

        /**
         * @param at when it was there, by {@link System#nanoTime}
         * @param text that it adds to the answer; may be empty
         */
        void event(long at, String text) {
            if (events++ == 0) {
                first = at;
            }
            answer.append(text);
        }

        /** @throws IllegalStateException if no piece came */
        TurnTime end() {
            if (events == 0) {
                throw new IllegalStateException("a turn ended without any event of the model");
            }
            return new TurnTime((first - began) / 1e6, (System.nanoTime() - began) / 1e6, answer.toString(), events);
        }
    }
}
