package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine that was booted before any tenant's, and saved when its guest was up: every tenant's machine starts from it, and so
 * within a fraction of a boot. Nothing of a tenant is ever in it. Kept between starts, for as long as all that it is made of is
 * the same.
 */
final class Template {
    private static final Logger log = LoggerFactory.getLogger(Template.class);
    private static final String PREFIX = "template-";
    private static final int TRIES = 2;

    private Template() {}

    /**
     * The directory of the saved state, made if there is none: that takes as long as a boot does.
     *
     * @param parent an existing directory that only the server can write, and every uid can walk through
     * @param fingerprint of all that the plan's files are and of the hypervisor
     * @param plan of the machine to boot, with a disk that is empty and as large as every tenant's
     * @throws IsolationException if it does not boot, twice
     */
    static Path in(Path parent, String fingerprint, Hypervisor hypervisor, MachinePlan plan, Duration patience) {
        Path saved = parent.resolve(PREFIX + UUID.nameUUIDFromBytes(fingerprint.getBytes(StandardCharsets.UTF_8)));
        if (Files.isDirectory(saved)) {
            return saved;
        }
        for (int attempt = 1; ; attempt++) {
            try {
                return boot(parent, saved, hypervisor, plan, patience);
            } catch (IOException e) {
                // Under load the guest's kernel waits for ever for its clock, now and then.
                log.warn("a virtual machine did not boot: {}", e.getMessage());
                if (attempt == TRIES) {
                    throw new IsolationException(
                            new Finding(
                                    "virtual machines do not boot on this host",
                                    e.getMessage() + ", " + TRIES + " times",
                                    "Look into " + plan.directory() + "/console.log; raise microvm.boot-timeout, take"
                                            + " another kernel (cloister vm build), or another microvm.accelerator."),
                            e);
                }
            }
        }
    }

    private static Path boot(Path parent, Path saved, Hypervisor hypervisor, MachinePlan plan, Duration patience)
            throws IOException {
        long from = System.nanoTime();
        Path fresh = parent.resolve("new");
        Share.delete(fresh);
        MachineFiles.directory(fresh, MachineFiles.PASSABLE);
        log.info("booting the virtual machine that all others start from");
        try (Machine machine = hypervisor.start(plan, Optional.empty())) {
            machine.awaitGuest(patience);
            machine.save(fresh);
        }
        Files.move(fresh, saved, StandardCopyOption.ATOMIC_MOVE);
        log.info("it took {} ms", (System.nanoTime() - from) / 1_000_000);
        return saved;
    }

    /** Those that no machine is started from any more. A machine that runs keeps what it was started from. */
    static void removeAllBut(Path parent, Path used) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (Path one : all) {
                if (!one.equals(used)) {
                    Share.delete(one);
                }
            }
        }
    }
}
