package dev.cloister.isolation.tck;

import java.util.Map;
import java.util.function.Predicate;

/**
 * Two tenants in one kind of place.
 *
 * @param place for people and reports: a mode, or what stands for having none
 * @param hands how the attacker attacks, by vantage point; what it lacks is not tried here
 * @param told what attacks may know of this place besides, by name
 * @param ears whether a word came to what stands behind the place, such as the model's upstream
 */
public record Pair(
        String place,
        Tenant victim,
        Tenant attacker,
        Map<Vantage, Hand> hands,
        Map<String, String> told,
        Predicate<String> ears) {
    public Pair {
        hands = Map.copyOf(hands);
        told = Map.copyOf(told);
    }

    /** A place for code alone. */
    public Pair(String place, Tenant victim, Tenant attacker) {
        this(place, victim, attacker, Map.of(Vantage.SANDBOX, Hand.of(attacker)), Map.of(), word -> false);
    }

    boolean canTry(Attack attack) {
        return hands.containsKey(attack.vantage());
    }

    Hand hand(Vantage vantage) {
        Hand hand = hands.get(vantage);
        if (hand == null) {
            throw new IllegalArgumentException(place + " cannot be attacked from " + vantage);
        }
        return hand;
    }
}
