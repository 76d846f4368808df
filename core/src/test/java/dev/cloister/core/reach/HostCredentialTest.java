package dev.cloister.core.reach;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostCredentialTest {
    private static HostCredential of(String text) {
        return HostCredential.parse(text).orElseThrow();
    }

    private static EgressRequest plain(String host, int port) {
        return new EgressRequest(
                Destination.parse(host).orElseThrow(), port, Optional.of(new EgressRequest.Http("GET", "/")));
    }

    @Test
    void aSecureHostIsAskedForInPlainHttpUnderItsUsualPort() {
        HostCredential credential = of("https://git.example /k");
        assertThat(credential.port()).isEqualTo(443);
        assertThat(credential.secret()).isEqualTo(new HostCredential.Secret.InFile(Path.of("/k")));
        assertThat(credential.covers(plain("git.example", 80))).isTrue();
        assertThat(credential.covers(plain("git.example", 443))).isFalse();
        assertThat(credential.covers(plain("www.git.example", 80))).isFalse();
        assertThat(credential.insteadOf())
                .contains(Map.entry("url.http://git.example/.insteadOf", "https://git.example/"));
    }

    @Test
    void aPortOfItsOwnIsTheSameInBoth() {
        HostCredential credential = of("https://git.example:8443/ /etc/a b");
        assertThat(credential.secret()).isEqualTo(new HostCredential.Secret.InFile(Path.of("/etc/a b")));
        assertThat(credential.covers(plain("git.example", 8443))).isTrue();
        assertThat(credential.covers(plain("git.example", 80))).isFalse();
        assertThat(credential.insteadOf())
                .contains(Map.entry("url.http://git.example:8443/.insteadOf", "https://git.example:8443/"));
        assertThat(of("http://git.example:81 /k").covers(plain("git.example", 81)))
                .isTrue();
        assertThat(of("http://git.example /k").insteadOf()).isEmpty();
    }

    @Test
    void aTunnelGetsNothing() {
        EgressRequest tunnel =
                new EgressRequest(Destination.parse("git.example").orElseThrow(), 80, Optional.empty());
        assertThat(of("https://git.example /k").covers(tunnel)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "git.example /k",
                "https://git.example",
                "https://git.example k",
                "https://10.1.2.3 /k",
                "https://*.example /k",
                "https://git.example:0 /k",
                "https://git.example:70000 /k",
                "ftp://git.example /k",
                "https://ada@git.example /k",
                "https://git.example/path /k"
            })
    void whatIsNotOfTheFormIsRefused(String text) {
        assertThat(HostCredential.parse(text)).isEmpty();
    }
}
