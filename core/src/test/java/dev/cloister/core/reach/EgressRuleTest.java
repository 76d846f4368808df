package dev.cloister.core.reach;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EgressRuleTest {
    static EgressRequest tunnel(String host, int port) {
        return new EgressRequest(Destination.parse(host).orElseThrow(), port, Optional.empty());
    }

    static EgressRequest plain(String host, int port, String method, String path) {
        return new EgressRequest(
                Destination.parse(host).orElseThrow(), port, Optional.of(new EgressRequest.Http(method, path)));
    }

    private static EgressRule rule(String text) {
        return EgressRule.parse(text).orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({
        "example.com, example.com, 443, true",
        "example.com, example.com, 80, true",
        "example.com, EXAMPLE.com., 443, true",
        "EXAMPLE.com, example.com, 443, true",
        "example.com, example.com, 22, false",
        "example.com, a.example.com, 443, false",
        "example.com, badexample.com, 443, false",
        "example.com:22, example.com, 22, true",
        "example.com:22, example.com, 443, false",
        "*.example.com, a.example.com, 443, true",
        "*.example.com, a.b.example.com, 443, true",
        "*.example.com, example.com, 443, false",
        "*.example.com, badexample.com, 443, false",
        "*.example.com, example.com.evil.example, 443, false",
        "10.1.2.3, 10.1.2.3, 80, true",
        "10.1.2.3:5432, 10.1.2.3, 5432, true",
        "10.1.2.3:5432, 10.1.2.4, 5432, false",
        "[fd00::1]:443, [fd00:0::1], 443, true",
        "GET http://example.com/a, example.com, 80, false"
    })
    void aTunnelGoesWhereItsHostAndPortAreNamed(String rule, String host, int port, boolean covered) {
        assertThat(rule(rule).covers(tunnel(host, port))).isEqualTo(covered);
    }

    @ParameterizedTest
    @CsvSource({
        "http://example.com/*, GET, /, true",
        "http://example.com/*, POST, /a/b, true",
        "GET http://example.com/*, POST, /a, false",
        "GET http://example.com/*, get, /a, false",
        "http://example.com/a, GET, /a, true",
        "http://example.com/a, GET, /a/, false",
        "http://example.com/a, GET, /ab, false",
        "http://example.com/a/*, GET, /a/b, true",
        "http://example.com/a/*, GET, /a, false",
        "http://example.com/a/*, GET, /b, false",
        "http://example.com/a/*, GET, /a/../b, false",
        "http://example.com/a/*, GET, /a/./b, false",
        "http://example.com/a/*, GET, /a/..;/b, true",
        "http://example.com/a/*, GET, /a/%2e%2e/b, false",
        "http://example.com/a/*, GET, /a/%2E./b, false",
        "http://example.com/a/*, GET, /a/..%2fb, false",
        "http://example.com/a/*, GET, /a/..%5cb, false",
        "http://example.com/a/*, GET, /a//b, false",
        "http://example.com/a/*, GET, /a/b%20c, true",
        "example.com, DELETE, /anything/../else, true"
    })
    void inPlainHttpMethodAndPathCount(String rule, String method, String path, boolean covered) {
        assertThat(rule(rule).covers(plain("example.com", 80, method, path))).isEqualTo(covered);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "example.com",
                "*.example.com",
                "example.com:8443",
                "*.example.com:22",
                "10.1.2.3",
                "10.1.2.3:5432",
                "[fd00:0:0:0:0:0:0:1]:443",
                "http://example.com/*",
                "GET http://example.com/a/*",
                "PUT http://example.com:8080/a"
            })
    void aRuleIsWrittenAsItWasRead(String text) {
        assertThat(rule(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "*",
                "*.",
                "*.10.1.2.3",
                "a.*.example.com",
                "*example.com",
                "example.com:",
                "example.com:0",
                "example.com:65536",
                "example.com/path",
                "https://example.com/",
                "http://example.com",
                "get http://example.com/",
                "GET http://example.com/a*b",
                "GET http://example.com/../a",
                "http://user@example.com/",
                "127.1",
                "::1",
                "exa mple.com",
                "bücher.example"
            })
    void whatIsNotOfTheFormIsNoRule(String text) {
        assertThat(EgressRule.parse(text)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "example.com, 443, false, example.com",
        "example.com, 22, false, example.com:22",
        "example.com, 80, true, example.com:80",
        "10.0.0.1, 8080, true, 10.0.0.1:8080"
    })
    void theRuleThatWouldBeNeededCoversIt(String host, int port, boolean http, String written) {
        EgressRequest request = http ? plain(host, port, "GET", "/") : tunnel(host, port);
        assertThat(EgressRule.of(request)).hasToString(written).matches(rule -> rule.covers(request));
        assertThat(EgressRule.parse(written)).contains(EgressRule.of(request));
    }
}
