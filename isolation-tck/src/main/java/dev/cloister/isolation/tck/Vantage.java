package dev.cloister.isolation.tck;

import java.util.Locale;

/** From where an attack is made. */
public enum Vantage {
    /** As code in the attacker's sandbox. */
    SANDBOX,
    /** By the attacker's agent, which does what its model says. */
    AGENT,
    /** Over the HTTP API, as a client with the attacker's own credential. */
    API;

    /** For the command line and reports. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
