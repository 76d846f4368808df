package dev.cloister.core.config;

import java.net.InetAddress;
import java.util.Optional;

/** Whether an address can be reached from this machine only. Never asks a name server. */
final class Loopback {
    private Loopback() {}

    /** False for every name but {@code localhost}: what a name means can change after the check. */
    static boolean isLoopback(String host) {
        return host.equals("localhost")
                || literal(host).map(InetAddress::isLoopbackAddress).orElse(false);
    }

    static boolean isLiteral(String host) {
        return literal(host).isPresent();
    }

    private static Optional<InetAddress> literal(String host) {
        try {
            return Optional.of(InetAddress.ofLiteral(host));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }
}
