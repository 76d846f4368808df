package dev.cloister.isolation.tck;

import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Makes attacks. Each that is stopped is made on a control too, a pair of tenants between whom nothing stands: one that fails
 * even there proves nothing. Not thread-safe.
 */
public final class Engine implements AutoCloseable {
    private static final int SHOWN = 300;

    /** @param made whether it was made to its end */
    private record Attempt(boolean through, boolean made, String output) {}

    private final Path scratch;
    private final List<Bait> controls;
    private final Map<String, Boolean> valid = new HashMap<>();

    private Engine(Path scratch, List<Bait> controls) {
        this.scratch = scratch;
        this.controls = controls;
    }

    /**
     * @param controls pairs without a wall, of which the first that an attack gets through on is its control
     * @param scratch an existing directory that nobody but the server's user may enter
     */
    public static Engine open(List<Pair> controls, Path scratch) throws IOException, InterruptedException {
        List<Bait> laid = new ArrayList<>();
        try {
            for (Pair control : controls) {
                laid.add(Bait.lay(control, scratch));
            }
        } catch (IOException | InterruptedException | RuntimeException e) {
            laid.forEach(Bait::close);
            throw e;
        }
        return new Engine(scratch, laid);
    }

    /**
     * Makes those attacks on a pair that its attacker has a hand for, one after the other.
     *
     * @param promised what the pair's place promises
     * @param each gets each result as soon as it is there
     */
    public void attack(Pair pair, Set<Guarantee> promised, List<Attack> attacks, Consumer<Result> each)
            throws IOException, InterruptedException {
        try (Bait bait = Bait.lay(pair, scratch)) {
            for (Attack attack : attacks.stream().filter(pair::canTry).toList()) {
                Attempt attempt = attempt(bait, pair, attack);
                each.accept(new Result(
                        attack,
                        pair.place(),
                        promised.contains(attack.guarantee()),
                        outcome(attack, attempt),
                        shown(attempt.output())));
            }
        }
    }

    private Outcome outcome(Attack attack, Attempt attempt) throws IOException, InterruptedException {
        if (attempt.through()) {
            return Outcome.PASSED;
        }
        return attempt.made() && isValid(attack) ? Outcome.BLOCKED : Outcome.INVALID;
    }

    /** What the attacks do where nothing stops them: none is promised to be stopped there. */
    public void controls(List<Attack> attacks, Consumer<Result> each) throws IOException, InterruptedException {
        String place = controls.getFirst().pair().place();
        for (Attack attack : attacks) {
            each.accept(new Result(attack, place, false, isValid(attack) ? Outcome.PASSED : Outcome.INVALID, ""));
        }
    }

    private boolean isValid(Attack attack) throws IOException, InterruptedException {
        Boolean known = valid.get(attack.id());
        if (known == null) {
            known = false;
            for (Bait control : controls) {
                known = known
                        || control.pair().canTry(attack)
                                && attempt(control, control.pair(), attack).through();
            }
            valid.put(attack.id(), known);
        }
        return known;
    }

    private static Attempt attempt(Bait bait, Pair pair, Attack attack) throws IOException, InterruptedException {
        bait.ready();
        String output;
        boolean made = true;
        try {
            output = pair.hand(attack.vantage()).make(attack.means(), bait.variables());
        } catch (UnfinishedException e) {
            output = String.valueOf(e.getMessage());
            made = false;
        }
        boolean through = bait.shows(attack.sign(), output);
        return new Attempt(through, made, bait.seen() + output);
    }

    private static String shown(String output) {
        String line = output.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN ? line : line.substring(0, SHOWN) + "…";
    }

    @Override
    public void close() {
        controls.forEach(Bait::close);
    }
}
