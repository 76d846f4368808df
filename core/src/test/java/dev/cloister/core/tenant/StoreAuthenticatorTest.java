package dev.cloister.core.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.store.InMemoryStore;
import dev.cloister.core.tenant.PresentedCredential.Header;
import dev.cloister.core.upstream.Credential;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StoreAuthenticatorTest {
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(4711), ZoneOffset.UTC);
    private static final UidAllocation UIDS = new UidAllocation.Range(5000, 5999);

    @TempDir
    private Path directory;

    private final InMemoryStore store = new InMemoryStore();
    private final Queue<String> audited = new ConcurrentLinkedQueue<>();
    private ServerKey key;

    @BeforeEach
    void loadKey() {
        key = ServerKey.load(directory.resolve("key"));
    }

    private StoreAuthenticator authenticator(
            boolean admits, Optional<CloisterException> wallMissing, Optional<Credential> operator) {
        return new StoreAuthenticator(
                store,
                key,
                admits,
                UIDS,
                wallMissing,
                operator,
                (actor, action, detail) -> audited.add(actor + " " + action),
                CLOCK);
    }

    private StoreAuthenticator open() {
        return authenticator(true, Optional.empty(), Optional.empty());
    }

    private static PresentedCredential bearer(String secret) {
        return new PresentedCredential(Header.AUTHORIZATION_BEARER, secret);
    }

    private static void assertRefused(ErrorCode code, Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        CloisterException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void aTokenIsATenantAndStaysTheSame() {
        Tenant first = open().authenticate(bearer("one")).tenant();
        assertThat(open().authenticate(bearer("one")).tenant()).isEqualTo(first);
        Tenant second = open().authenticate(bearer("two")).tenant();
        assertThat(second.id()).isNotEqualTo(first.id());
        assertThat(second.uid()).isNotEqualTo(first.uid());
        assertThat(audited).containsExactly(first.id() + " tenant.admitted", second.id() + " tenant.admitted");
    }

    @Test
    void theHeaderDoesNotMatterForWhoItIs() {
        Tenant byBearer = open().authenticate(bearer("one")).tenant();
        assertThat(open().authenticate(new PresentedCredential(Header.X_API_KEY, "one"))
                        .tenant())
                .isEqualTo(byBearer);
    }

    @Test
    void withClosedAdmissionOnlyKnownCredentialsAreLetIn() {
        Tenant known = store.addTenant("known", key.fingerprint("key-1"), UIDS, 1);
        StoreAuthenticator closed = authenticator(false, Optional.empty(), Optional.empty());
        assertThat(closed.authenticate(bearer("key-1")).tenant()).isEqualTo(known);
        assertRefused(ErrorCode.UNAUTHENTICATED, () -> closed.authenticate(bearer("key-2")));
        assertThat(store.tenantCount()).isEqualTo(1);
        assertThat(audited).isEmpty();
    }

    @Test
    void rotationAddsACredentialAndDropsTheOldOneForGood() {
        Tenant tenant = open().authenticate(bearer("old")).tenant();
        store.addFingerprint(tenant.id(), key.fingerprint("new"), 2);
        assertThat(open().authenticate(bearer("new")).tenant()).isEqualTo(tenant);
        assertThat(open().authenticate(bearer("old")).tenant()).isEqualTo(tenant);
        store.keepOnlyFingerprint(tenant.id(), key.fingerprint("new"));
        assertThat(open().authenticate(bearer("new")).tenant()).isEqualTo(tenant);
        assertRefused(ErrorCode.UNAUTHENTICATED, () -> open().authenticate(bearer("old")));
        assertThat(store.tenantCount()).isEqualTo(1);
    }

    @Test
    void aSuspendedTenantIsRefusedUntilItIsNot() {
        Tenant tenant = open().authenticate(bearer("one")).tenant();
        store.setTenantEnabled(tenant.id(), false);
        assertRefused(ErrorCode.FORBIDDEN, () -> open().authenticate(bearer("one")));
        store.setTenantEnabled(tenant.id(), true);
        assertThat(open().authenticate(bearer("one")).tenant()).isEqualTo(tenant);
    }

    @Test
    void withoutAWallThereIsOneTenant() {
        CloisterException missing = new CloisterException(ErrorCode.FORBIDDEN, "no wall here");
        StoreAuthenticator weak = authenticator(true, Optional.of(missing), Optional.empty());
        Tenant only = weak.authenticate(bearer("one")).tenant();
        assertThat(weak.authenticate(bearer("one")).tenant()).isEqualTo(only);
        assertThatThrownBy(() -> weak.authenticate(bearer("two"))).isSameAs(missing);
        assertThat(store.tenantCount()).isEqualTo(1);
    }

    @Test
    void withoutAWallATenantAddedBehindTheServersBackIsRefusedToo() {
        CloisterException missing = new CloisterException(ErrorCode.FORBIDDEN, "no wall here");
        StoreAuthenticator weak = authenticator(true, Optional.of(missing), Optional.empty());
        Tenant first = weak.authenticate(bearer("one")).tenant();
        store.addTenant("second", key.fingerprint("two"), UIDS, CLOCK.millis() + 1);
        assertThatThrownBy(() -> weak.authenticate(bearer("two"))).isSameAs(missing);
        assertThat(weak.authenticate(bearer("one")).tenant()).isEqualTo(first);
    }

    @Test
    void withoutAWallOneOfManyFirstCallersIsLetIn() throws InterruptedException {
        StoreAuthenticator weak = authenticator(
                true, Optional.of(new CloisterException(ErrorCode.FORBIDDEN, "no wall here")), Optional.empty());
        Queue<Principal> admitted = new ConcurrentLinkedQueue<>();
        CountDownLatch start = new CountDownLatch(1);
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            PresentedCredential credential = bearer("token-" + i);
            callers.add(Thread.ofPlatform().start(() -> {
                try {
                    start.await();
                    admitted.add(weak.authenticate(credential));
                } catch (CloisterException e) {
                    assertThat(e.code()).isEqualTo(ErrorCode.FORBIDDEN);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }));
        }
        start.countDown();
        for (Thread caller : callers) {
            caller.join();
        }
        assertThat(admitted).hasSize(1);
        assertThat(store.tenantCount()).isEqualTo(1);
    }

    @Test
    void manyCallsWithOneNewTokenAdmitOneTenantAndSaySoOnce() throws InterruptedException {
        StoreAuthenticator open = open();
        CountDownLatch start = new CountDownLatch(1);
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            callers.add(Thread.ofPlatform().start(() -> {
                try {
                    start.await();
                    open.authenticate(bearer("one"));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }));
        }
        start.countDown();
        for (Thread caller : callers) {
            caller.join();
        }
        assertThat(store.tenantCount()).isEqualTo(1);
        assertThat(audited).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({
        "AUTHORIZATION_BEARER,sk-ant-oat01-x,OAUTH",
        "X_API_KEY,sk-ant-oat01-x,OAUTH",
        "AUTHORIZATION_BEARER,sk-ant-api03-x,API_KEY",
        "X_API_KEY,sk-ant-api03-x,API_KEY",
        "X_API_KEY,anything,API_KEY",
        "AUTHORIZATION_BEARER,anything,BEARER"
    })
    void theCallersOwnCredentialIsPassedOnAsWhatItIs(Header header, String secret, Credential.Kind kind) {
        assertThat(open().authenticate(new PresentedCredential(header, secret)).upstreamCredential())
                .isEqualTo(new Credential(kind, secret));
    }

    @Test
    void theOperatorsCredentialIsUsedForAll() {
        Credential operator = new Credential(Credential.Kind.API_KEY, "operators");
        StoreAuthenticator paid = authenticator(true, Optional.empty(), Optional.of(operator));
        assertThat(paid.authenticate(bearer("sk-ant-oat01-x")).upstreamCredential())
                .isEqualTo(operator);
    }
}
