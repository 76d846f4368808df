package dev.cloister.spi;

/** One isolation mode, found by {@link java.util.ServiceLoader}. Implementations are stateless and cheap to construct. */
public interface IsolationProvider {
    IsolationMode mode();

    /**
     * Finds out by effect what holds on the host: it really runs something harmless and never trusts a version number.
     * Leaves nothing behind but what the configuration says is kept; does not touch the configuration's run root.
     */
    Availability probe(IsolationConfig config, Host host);

    /**
     * Opens the mode for use.
     *
     * @throws IsolationException if the host cannot hold the mode
     */
    IsolationBackend open(IsolationConfig config, Host host);
}
