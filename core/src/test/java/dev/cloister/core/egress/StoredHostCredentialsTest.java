package dev.cloister.core.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoredHostCredentialsTest {
    private static final byte[] KEY = new byte[32];
    private static final EgressPolicy POLICY = new EgressPolicy(
            EgressMode.ALLOWLIST,
            List.of(),
            List.of(HostCredential.of(true, "git.example", new HostCredential.Secret.InFile(Path.of("/all")))
                    .orElseThrow()));

    private final InMemoryStore store = new InMemoryStore();
    private final List<String> audited = new ArrayList<>();
    private final TenantId ada = tenant("1");
    private final TenantId bob = tenant("2");
    private final StoredHostCredentials credentials = with(KEY, true);

    private TenantId tenant(String digit) {
        return store.tenantOf(new Fingerprint(digit.repeat(32)), new UidAllocation.Shared(7), 0)
                .id();
    }

    private StoredHostCredentials with(byte[] key, boolean usable) {
        return new StoredHostCredentials(
                store, key, usable, (actor, action, detail) -> audited.add(action + " " + detail), Clock.systemUTC());
    }

    @Test
    void aTenantsOwnComesFirstAndIsNobodyElses() {
        credentials.put(ada, "Git.Example.:443", "Bearer hers");

        assertThat(credentials.with(ada, POLICY).credentials())
                .extracting(HostCredential::secret)
                .containsExactly(
                        new HostCredential.Secret.Kept("Bearer hers"),
                        new HostCredential.Secret.InFile(Path.of("/all")));
        assertThat(credentials.with(bob, POLICY)).isEqualTo(POLICY);
        assertThat(credentials.list(ada)).extracting(HostCredentials.Kept::host).containsExactly("git.example");
        assertThat(audited).containsExactly("credential.kept {host=git.example}");
    }

    @Test
    void aChangeCountsAtOnceAndSurvivesARestart() {
        credentials.put(ada, "git.example", "Bearer one");
        assertThat(credentials.with(ada, POLICY).credentials()).hasSize(2);
        credentials.put(ada, "git.example", "Bearer two");
        assertThat(credentials.with(ada, POLICY).credentials().getFirst().secret())
                .isEqualTo(new HostCredential.Secret.Kept("Bearer two"));
        assertThat(with(KEY, true).with(ada, POLICY).credentials()).hasSize(2);
        credentials.delete(ada, "git.example");
        assertThat(credentials.with(ada, POLICY)).isEqualTo(POLICY);
        assertThatThrownBy(() -> credentials.delete(ada, "git.example"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
    }

    @Test
    void theStoreAloneTellsNobodyAndTakesNothingFromOneTenantToAnother() {
        credentials.put(ada, "git.example", "Bearer hers");
        HostCredentialStore.Sealed stored = store.hostCredentials(ada).getFirst();
        assertThat(stored.toString()).doesNotContain("Bearer", "hers");

        byte[] other = KEY.clone();
        other[0] = 1;
        assertThatThrownBy(() -> with(other, true).with(ada, POLICY)).hasMessageContaining("keys/credentials");
        store.putHostCredential(bob, stored);
        assertThatThrownBy(() -> credentials.with(bob, POLICY)).hasMessageContaining("cannot be opened");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.1.2.3",
                "[::1]",
                "*.example",
                "git.example/x",
                "http://git.example",
                "",
                "git.example:0",
                "é.example"
            })
    void whatIsNoHostIsRefused(String host) {
        assertThatThrownBy(() -> credentials.put(ada, host, "Bearer x"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "Bearer x\r\nX-More: 1", "Bearer \u00e9", "a\tb", " Bearer x"})
    void whatIsNoHeadersValueIsRefused(String value) {
        assertThatThrownBy(() -> credentials.put(ada, "git.example", value)).hasMessageContaining("value of a header");
    }

    @Test
    void whereNothingWouldUseItNothingIsKeptAndThereIsAnEndToIt() {
        assertThatThrownBy(() -> with(KEY, false).put(ada, "git.example", "Bearer x"))
                .hasMessageContaining("egress.mode");
        for (int i = 0; i < 50; i++) {
            credentials.put(ada, "h" + i + ".example", "Bearer x");
        }
        assertThatThrownBy(() -> credentials.put(ada, "more.example", "Bearer x"))
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFLICT));
        credentials.put(ada, "h7.example", "Bearer y");
    }
}
