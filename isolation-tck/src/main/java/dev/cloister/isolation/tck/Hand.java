package dev.cloister.isolation.tck;

import java.io.IOException;
import java.util.Map;

/** Makes attacks from one vantage point. */
@FunctionalInterface
public interface Hand {
    /**
     * Makes one attack, to its end or for as long as the engine's patience lasts.
     *
     * @param told what the attack may know, by name
     * @return all that the attacker got to see by it
     * @throws UnfinishedException if it cannot be told what the attack would have come to
     */
    String make(Means means, Map<String, String> told) throws IOException, InterruptedException, UnfinishedException;

    /** Runs code as a tenant's command. */
    static Hand of(Tenant attacker) {
        return (means, told) -> switch (means) {
            case Means.Code code -> attacker.run(code.command(), told);
            case Means.Talk talk -> throw new IllegalArgumentException("only an agent can be talked to: " + talk);
        };
    }
}
