package dev.cloister.core.egress;

import dev.cloister.core.reach.Destination;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.EgressPolicy.Reason;
import dev.cloister.core.reach.EgressPolicy.Verdict;
import dev.cloister.core.reach.EgressRequest;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.tenant.TenantId;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Decides of each request where its connection goes, if it goes anywhere. Thread-safe. */
final class Gate {
    private static final Pattern AUTHORITY = Pattern.compile("(?<host>\\[[^\\]]*\\]|[^:]*):(?<port>[0-9]{1,5})");
    private static final int LONGEST_SHOWN = 100;

    private final Function<TenantId, EgressPolicy> policies;
    private final Resolver resolver;
    private final EgressBooks books;

    Gate(Function<TenantId, EgressPolicy> policies, Resolver resolver, EgressBooks books) {
        this.policies = policies;
        this.resolver = resolver;
        this.books = books;
    }

    sealed interface Answer {
        /**
         * @param request what was asked for, in its one spelling
         * @param address the one that was checked
         */
        record Go(EgressRequest request, InetSocketAddress address, Optional<HostCredential> credential)
                implements Answer {}

        /** @param retryAfter zero: not by waiting */
        record Stop(int status, String message, Duration retryAfter) implements Answer {
            Stop(int status, String message) {
                this(status, message, Duration.ZERO);
            }
        }
    }

    /** @param authority host and port, as the client wrote them */
    Answer ask(Account account, String authority, Optional<EgressRequest.Http> http) {
        Matcher matcher = AUTHORITY.matcher(authority);
        Optional<EgressRequest> request = matcher.matches()
                ? Destination.parse(matcher.group("host"))
                        .map(host -> new EgressRequest(host, Integer.parseInt(matcher.group("port")), http))
                        .filter(one -> one.port() >= 1 && one.port() <= 0xFFFF)
                : Optional.empty();
        if (request.isEmpty()) {
            return deny(
                    account,
                    shown(authority),
                    new Verdict.Denied(
                            Reason.UNREADABLE,
                            "this is no host and port in their plain spelling: a name in ASCII, or an address in its usual form"));
        }
        return ask(account, request.get());
    }

    private Answer ask(Account account, EgressRequest request) {
        Duration wait = account.bounds().requests().take();
        if (!wait.isZero()) {
            books.metrics().egressRequest("rate");
            return new Answer.Stop(429, "too many connections a minute; try again in " + wait.toSeconds() + " s", wait);
        }
        if (!account.moved(0, 0)) {
            books.metrics().egressRequest("bytes");
            return new Answer.Stop(429, "this tenant has used its bytes of the hour (egress.bytes-per-hour)");
        }
        EgressPolicy policy = policies.apply(account.tenant());
        if (policy.ask(request) instanceof Verdict.Denied denied) {
            return deny(account, request.target(), denied);
        }
        List<InetAddress> addresses;
        try {
            addresses = switch (request.host()) {
                case Destination.Address(InetAddress address) -> List.of(address);
                case Destination.Name(String name) -> resolver.resolve(name);
            };
        } catch (UnknownHostException e) {
            books.metrics().egressRequest("unknown");
            return new Answer.Stop(502, request.host().text() + " is not known to the server's resolver");
        }
        return switch (policy.ask(request, addresses)) {
            case Verdict.Denied denied -> deny(account, request.target(), denied);
            case Verdict.Allowed(boolean listed) -> {
                account.reached(request.target());
                books.metrics().egressRequest(listed ? "listed" : "observed");
                if (!listed) {
                    books.unlisted(account.tenant(), request);
                }
                Optional<HostCredential> credential = policy.credential(request);
                int port = credential.map(HostCredential::port).orElse(request.port());
                yield new Answer.Go(request, new InetSocketAddress(addresses.getFirst(), port), credential);
            }
        };
    }

    private Answer deny(Account account, String target, Verdict.Denied denied) {
        account.denied();
        books.metrics().egressRequest(denied.reason().id());
        if (account.bounds().reports().take().isZero()) {
            books.denied(account.tenant(), denied.reason(), target);
        }
        return new Answer.Stop(403, denied.message());
    }

    private static String shown(String text) {
        String start = text.length() > LONGEST_SHOWN ? text.substring(0, LONGEST_SHOWN) + "…" : text;
        return start.replaceAll("[^\\x21-\\x7e…]", "?");
    }
}
