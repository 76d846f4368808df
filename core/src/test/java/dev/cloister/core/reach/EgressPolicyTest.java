package dev.cloister.core.reach;

import static dev.cloister.core.reach.EgressRuleTest.tunnel;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.reach.EgressPolicy.Reason;
import dev.cloister.core.reach.EgressPolicy.Verdict;
import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EgressPolicyTest {
    private static final EgressRequest LISTED = tunnel("listed.example", 443);
    private static final EgressRequest OTHER = tunnel("other.example", 443);

    private static EgressPolicy policy(EgressMode mode, String... rules) {
        return new EgressPolicy(
                mode,
                Stream.of(rules)
                        .map(rule -> EgressRule.parse(rule).orElseThrow())
                        .toList());
    }

    private static List<InetAddress> addresses(String... texts) {
        return Stream.of(texts).map(InetAddress::ofLiteral).toList();
    }

    private static Reason reason(Verdict verdict) {
        return ((Verdict.Denied) verdict).reason();
    }

    @Test
    void closedDeniesAllAndSaysWhatWouldOpen() {
        Verdict verdict = policy(EgressMode.CLOSED, "listed.example").ask(LISTED);
        assertThat(reason(verdict)).isEqualTo(Reason.CLOSED);
        assertThat(((Verdict.Denied) verdict).message()).contains("listed.example:443", "\"listed.example\"");
    }

    @Test
    void anAllowlistAllowsWhatItNames() {
        EgressPolicy policy = policy(EgressMode.ALLOWLIST, "listed.example");
        assertThat(policy.ask(LISTED)).isEqualTo(new Verdict.Allowed(true));
        Verdict denied = policy.ask(OTHER);
        assertThat(reason(denied)).isEqualTo(Reason.UNLISTED);
        assertThat(((Verdict.Denied) denied).message()).contains("\"other.example\"", "egress.rules");
    }

    @ParameterizedTest
    @EnumSource(names = {"OBSERVE", "OPEN"})
    void theOthersAllowAndTellWhatNoRuleNames(EgressMode mode) {
        EgressPolicy policy = policy(mode, "listed.example");
        assertThat(policy.ask(LISTED)).isEqualTo(new Verdict.Allowed(true));
        assertThat(policy.ask(OTHER)).isEqualTo(new Verdict.Allowed(false));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "127.255.255.254",
                "0.0.0.0",
                "10.0.0.1",
                "100.64.0.1",
                "100.100.100.200",
                "168.63.129.16",
                "169.254.169.254",
                "169.254.170.2",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.192",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "::127.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:db8::1",
                "2002:7f00:1::1",
                "3fff::1",
                "5f00::1",
                "fc00::1",
                "fd00:ec2::254",
                "fe80::1",
                "fec0::1",
                "ff02::1"
            })
    void whatIsNotPublicIsOpenInNoModeUnlessItIsListedByAddress(String address) {
        for (EgressMode mode : List.of(EgressMode.ALLOWLIST, EgressMode.OBSERVE, EgressMode.OPEN)) {
            assertThat(reason(policy(mode, "listed.example").ask(LISTED, addresses(address))))
                    .isEqualTo(Reason.PRIVATE);
            assertThat(reason(policy(mode, "listed.example").ask(LISTED, addresses("1.1.1.1", address))))
                    .as("one of them suffices")
                    .isEqualTo(Reason.PRIVATE);
            Destination listed = new Destination.Address(InetAddress.ofLiteral(address));
            assertThat(policy(mode, "listed.example", listed.text()).ask(LISTED, addresses(address)))
                    .isEqualTo(new Verdict.Allowed(true));
            assertThat(reason(policy(mode, "listed.example", listed.text() + ":22")
                            .ask(LISTED, addresses(address))))
                    .as("at that port")
                    .isEqualTo(Reason.PRIVATE);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "168.63.129.17",
                "169.253.255.255",
                "172.15.255.255",
                "172.32.0.0",
                "192.167.255.255",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2001:200::1",
                "2606:4700:4700::1111",
                "2a00::1"
            })
    void theirNeighboursArePublic(String address) {
        assertThat(policy(EgressMode.OPEN).ask(LISTED, addresses(address))).isEqualTo(new Verdict.Allowed(false));
    }

    @Test
    void aNameOfThePrivateNetworkSaysNothingOfItsAddress() {
        Verdict.Denied denied =
                (Verdict.Denied) policy(EgressMode.OPEN).ask(tunnel("db.corp.example", 443), addresses("10.9.8.7"));
        assertThat(denied.message()).doesNotContain("10.9.8.7").contains("db.corp.example");
    }
}
