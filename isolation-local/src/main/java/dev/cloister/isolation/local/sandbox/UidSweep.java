package dev.cloister.isolation.local.sandbox;

import dev.cloister.isolation.local.process.ProcessTable;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Set;

/**
 * Kills what a tenant left by the uid that is the tenant's alone. Does nothing where the tenants share the server's uid: there
 * nobody could say whose a process is.
 */
record UidSweep(boolean ownUids) {
    private static final int ROUNDS = 500;

    /** Returns when every process of the uid is gone but those that descend from {@code spared}. */
    void sweep(long uid, Set<Long> spared) {
        for (int round = 0; ownUids; round++) {
            try {
                if (round == ROUNDS) {
                    throw new IsolationException(new Finding(
                            "processes of a tenant could not be ended",
                            "uid " + uid + " kept starting new ones through " + ROUNDS + " rounds of kills",
                            "End them by hand: pkill -KILL -U " + uid));
                }
                if (isClean(uid, spared)) {
                    return;
                }
                Thread.sleep(5);
            } catch (IOException e) {
                throw new UncheckedIOException("the process table could not be read", e);
            } catch (InterruptedException e) {
                // A sweep that stops half-way leaves processes behind.
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private static boolean isClean(long uid, Set<Long> spared) throws IOException {
        ProcessTable table = ProcessTable.read();
        Set<Long> kept = table.trees(spared);
        boolean clean = true;
        for (long pid : table.ofUid(uid)) {
            if (!kept.contains(pid)) {
                clean = false;
                ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
        return clean;
    }
}
