package dev.cloister.store;

import dev.cloister.core.store.Store;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Everything that {@link Store} promises. A database joins by extending this and saying how it is opened. */
abstract class StoreContract
        implements SettingContract,
                TenantContract,
                UidContract,
                SessionContract,
                EventContract,
                HostCredentialContract,
                LedgerContract {
    private final List<Store> opened = new ArrayList<>();
    private @Nullable Store first;

    StoreContract() {}

    /** Opens the test's own database; each call is a further, independent user of the same one. */
    abstract Store open();

    @BeforeEach
    void openFirst() {
        first = openAnother();
    }

    @AfterEach
    void closeAll() {
        opened.forEach(Store::close);
    }

    @Override
    public Store store() {
        if (first == null) {
            throw new IllegalStateException("the store is opened before each test");
        }
        return first;
    }

    @Override
    public Store openAnother() {
        Store another = open();
        opened.add(another);
        return another;
    }
}
