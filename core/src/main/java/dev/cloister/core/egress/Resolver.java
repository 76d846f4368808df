package dev.cloister.core.egress;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** What a name means now. Asked once for each request, by the proxy alone. */
@FunctionalInterface
public interface Resolver {
    /** @return at least one, the preferred first */
    List<InetAddress> resolve(String name) throws UnknownHostException;

    /** The host's own. */
    static Resolver ofTheHost() {
        return name -> List.of(InetAddress.getAllByName(name));
    }
}
