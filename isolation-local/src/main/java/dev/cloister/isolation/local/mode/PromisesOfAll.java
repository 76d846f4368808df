package dev.cloister.isolation.local.mode;

import dev.cloister.spi.Guarantee;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** What a mode can promise: all but what the agent's launch and the broker see to in every mode. */
public final class PromisesOfAll {
    private PromisesOfAll() {}

    public static Set<Guarantee> without(Guarantee... others) {
        Set<Guarantee> all = EnumSet.complementOf(EnumSet.of(
                Guarantee.CREDENTIAL_NEVER_INSIDE, Guarantee.WORKSPACE_CODE_NOT_RUN, Guarantee.TOOL_POLICY_ENFORCED));
        all.removeAll(List.of(others));
        return all;
    }
}
