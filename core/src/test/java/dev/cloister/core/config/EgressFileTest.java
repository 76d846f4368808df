package dev.cloister.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicies;
import dev.cloister.core.reach.HostCredential;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EgressFileTest {
    private static final String A = "0123456789abcdef0123456789abcdef";

    @TempDir
    private Path directory;

    private EgressPolicies read(String text) throws IOException {
        return EgressFile.read(Files.writeString(directory.resolve("egress.yaml"), text));
    }

    @Test
    void aTenantHasItsOwnModeAndItsRulesOnTopOfThoseForAll() throws IOException {
        EgressPolicies policies = read("""
                mode: allowlist
                rules: [npm, ours]
                lists:
                  ours: ["*.corp.example", "10.1.2.3:443"]
                  more: [debian]
                tenants:
                  %s:
                    mode: observe
                    rules: [more, example.com]
                """.formatted(A));
        assertThat(policies.standard().mode()).isEqualTo(EgressMode.ALLOWLIST);
        assertThat(policies.standard().rules()).hasToString("[registry.npmjs.org:443, *.corp.example, 10.1.2.3:443]");
        assertThat(policies.of("f".repeat(32))).isEqualTo(policies.standard());
        assertThat(policies.of(A).mode()).isEqualTo(EgressMode.OBSERVE);
        assertThat(policies.of(A).rules())
                .hasToString("[registry.npmjs.org:443, *.corp.example, 10.1.2.3:443, deb.debian.org,"
                        + " security.debian.org, example.com]");
        assertThat(policies.rules()).isEqualTo(9);
    }

    @Test
    void aTenantsCredentialForAHostComesBeforeThatForAll() throws IOException {
        EgressPolicies policies = read("""
                mode: allowlist
                rules: [git.example]
                credentials: ["https://git.example /etc/all"]
                tenants:
                  %s: {credentials: ["https://git.example /etc/ada"]}
                """.formatted(A));
        assertThat(policies.standard().credentials())
                .extracting(HostCredential::secret)
                .containsExactly(new HostCredential.Secret.InFile(Path.of("/etc/all")));
        assertThat(policies.of(A).credentials())
                .extracting(HostCredential::secret)
                .containsExactly(
                        new HostCredential.Secret.InFile(Path.of("/etc/ada")),
                        new HostCredential.Secret.InFile(Path.of("/etc/all")));
        assertThatThrownBy(() -> read("credentials: [git.example]"))
                .hasMessageContaining("https://git.example.com /etc");
    }

    @Test
    void anEmptyFileClosesAndATenantTakesTheModeOfAll() throws IOException {
        assertThat(read("").standard().mode()).isEqualTo(EgressMode.CLOSED);
        assertThat(read("mode: open\ntenants: {" + A + ": {rules: [npm]}}")
                        .of(A)
                        .mode())
                .isEqualTo(EgressMode.OPEN);
    }

    @Test
    void everyMistakeIsToldWithItsLine() {
        assertThatThrownBy(() -> read("""
                        mode: ajar
                        rules: [127.1]
                        lists:
                          Ours: [npm]
                        tenants:
                          bob:
                            mode: open
                        rule: [npm]
                        """))
                .isInstanceOf(CloisterException.class)
                .hasMessageContainingAll(
                        "egress.yaml:1: mode: \"ajar\" is not",
                        "egress.yaml:2: rules: \"127.1\" is not a rule such as",
                        "egress.yaml:4: lists.Ours: is none of",
                        "egress.yaml:7: tenants.bob.mode: is none of",
                        "egress.yaml:8: rule: is none of");
        assertThatThrownBy(() -> EgressFile.read(directory.resolve("none.yaml")))
                .hasMessageContaining("does not exist");
    }
}
