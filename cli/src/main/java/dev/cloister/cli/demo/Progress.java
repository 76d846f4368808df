package dev.cloister.cli.demo;

import java.io.PrintWriter;

/** Says what is being done and how long it took. Not thread-safe. */
final class Progress {
    private final PrintWriter out;
    private long began;
    private boolean open;

    Progress(PrintWriter out) {
        this.out = out;
    }

    void begin(String step) {
        end();
        out.print("  · " + step + " …");
        out.flush();
        began = System.nanoTime();
        open = true;
    }

    void end() {
        if (open) {
            out.printf(" %.1f s%n", (System.nanoTime() - began) / 1e9);
            out.flush();
            open = false;
        }
    }
}
