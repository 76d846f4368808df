package dev.cloister.core.egress;

import java.util.List;

/**
 * What one tenant had of the network.
 *
 * @param requests tunnels and plain requests, denied ones too
 * @param bytesIn towards the sandbox
 * @param bytesOut from it
 * @param targets the first hosts and ports that were reached
 */
record EgressUse(long requests, long denied, long bytesIn, long bytesOut, List<String> targets) {
    EgressUse {
        targets = List.copyOf(targets);
    }
}
