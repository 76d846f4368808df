package dev.cloister.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** What the parts of the contract share. */
interface StoreFixture {
    UidAllocation RANGE = new UidAllocation.Range(5_000, 5_999);
    TenantId UNKNOWN_TENANT = new TenantId("f".repeat(32));

    /** What a store has to give back unchanged: a quote, a NUL, a character outside the basic plane, a line break. */
    String AWKWARD = "it's \"x\" \0 \uD83D\uDE00 é \n ;--";

    Store store();

    /** A second, independent user of the same database, closed after the test. */
    Store openAnother();

    default Tenant tenant(long number) {
        return store().tenantOf(fingerprint(number), RANGE, number);
    }

    default Session session(Tenant tenant, long createdAt) {
        Session session = new Session(
                SessionId.random(),
                tenant.id(),
                AWKWARD,
                "model",
                "system",
                Optional.empty(),
                false,
                0,
                createdAt,
                createdAt);
        store().insertSession(session);
        return session;
    }

    static Fingerprint fingerprint(long number) {
        return new Fingerprint(HexFormat.of().toHexDigits(number).repeat(2));
    }

    static void assertCode(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        CloisterException.class,
                        failure -> assertThat(failure.code()).isEqualTo(code));
    }

    /** Runs all of them at the same moment, each on its own thread, and gives their results in order. */
    static <T> List<T> together(List<Callable<T>> calls) throws Exception {
        CountDownLatch ready = new CountDownLatch(calls.size());
        try (ExecutorService threads = Executors.newFixedThreadPool(calls.size())) {
            List<Future<T>> running = calls.stream()
                    .map(call -> threads.submit(() -> {
                        ready.countDown();
                        ready.await();
                        return call.call();
                    }))
                    .toList();
            List<T> results = new ArrayList<>();
            for (Future<T> one : running) {
                results.add(one.get());
            }
            return results;
        }
    }

    /** {@code count} calls that know their own number. */
    static <T> List<Callable<T>> times(int count, NumberedCall<T> call) {
        return IntStream.range(0, count)
                .<Callable<T>>mapToObj(number -> () -> call.call(number))
                .toList();
    }

    /** One of many calls. */
    interface NumberedCall<T> {
        T call(int number) throws Exception;
    }
}
