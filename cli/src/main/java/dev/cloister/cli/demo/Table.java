package dev.cloister.cli.demo;

import java.io.PrintWriter;
import java.util.List;

/** Prints attempts for people. */
final class Table {
    private static final int WIDEST = 58;
    /** What a long text ends with is kept too: that is where programs say why they failed. */
    private static final int END = 19;

    private Table() {}

    static void print(PrintWriter out, List<Attempt> attempts) {
        int what = width(attempts.stream().map(Attempt::what).toList());
        int cameBack = width(attempts.stream().map(Attempt::cameBack).toList());
        String format = "  %-3s %-" + what + "s  %-" + cameBack + "s  %s%n";
        out.printf(format, "who", "what was tried", "what came back", "");
        out.printf(format, "---", "-".repeat(what), "-".repeat(cameBack), "------");
        for (Attempt attempt : attempts) {
            out.printf(
                    format,
                    attempt.who(),
                    cut(attempt.what()),
                    cut(attempt.cameBack()),
                    attempt.asItShould() ? "ok" : "WRONG");
        }
    }

    private static int width(List<String> texts) {
        return Math.min(WIDEST, texts.stream().mapToInt(String::length).max().orElse(1));
    }

    private static String cut(String text) {
        return text.length() <= WIDEST
                ? text
                : text.substring(0, WIDEST - END - 1) + "…" + text.substring(text.length() - END);
    }
}
