package dev.cloister.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.egress.HostCredentialStore.Sealed;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.tenant.TenantId;
import org.junit.jupiter.api.Test;

/** Credentials for hosts: one for each host, the tenant's alone, and gone with it. */
interface HostCredentialContract extends StoreFixture {
    @Test
    default void aHostsCredentialIsReplacedListedAndForgotten() {
        TenantId ada = tenant(1).id();
        TenantId bob = tenant(2).id();
        store().putHostCredential(ada, new Sealed("b.example", "00", 1));
        store().putHostCredential(ada, new Sealed("a.example:8443", AWKWARD, 2));
        store().putHostCredential(ada, new Sealed("b.example", "01", 3));

        assertThat(openAnother().hostCredentials(ada))
                .containsExactly(new Sealed("a.example:8443", AWKWARD, 2), new Sealed("b.example", "01", 3));
        assertThat(store().hostCredentials(bob)).isEmpty();
        assertThat(store().deleteHostCredential(bob, "b.example")).isFalse();
        assertThat(store().deleteHostCredential(ada, "b.example")).isTrue();
        assertThat(store().deleteHostCredential(ada, "b.example")).isFalse();
        assertThat(store().hostCredentials(ada)).hasSize(1);
    }

    @Test
    default void hostCredentialsGoWithTheirTenant() {
        TenantId ada = tenant(1).id();
        store().putHostCredential(ada, new Sealed("a.example", "00", 1));

        store().deleteTenant(ada);

        assertThat(store().hostCredentials(ada)).isEmpty();
        assertThatThrownBy(() -> store().putHostCredential(ada, new Sealed("a.example", "00", 1)))
                .isInstanceOf(CloisterException.class);
    }
}
