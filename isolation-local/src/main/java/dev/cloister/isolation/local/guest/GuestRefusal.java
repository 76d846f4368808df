package dev.cloister.isolation.local.guest;

import java.io.IOException;

/** A guest could not do what it was asked for. */
final class GuestRefusal extends IOException {
    private static final long serialVersionUID = 1;

    private final long error;

    /** @param error the number of errno(3); -1: the guest is gone */
    GuestRefusal(long error) {
        super(error == -1 ? "the guest is gone" : "the guest answers with error " + error);
        this.error = error;
    }

    long error() {
        return error;
    }
}
