package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A machine that Firecracker runs. Owns its process, what was laid out for it, and its control groups. Thread-safe. */
final class FirecrackerMachine implements Machine {
    private static final Logger log = LoggerFactory.getLogger(FirecrackerMachine.class);
    private static final Duration SOON = Duration.ofSeconds(10);
    /** All of the guest's memory is written to the disk. */
    private static final Duration SAVING = Duration.ofMinutes(5);

    private final MachinePlan plan;
    private final Place place;
    private final List<Path> groups;
    private final Api api;
    private final HostProcess process;
    private boolean closed;

    FirecrackerMachine(MachinePlan plan, Place place, List<Path> groups, Api api, HostProcess process) {
        this.plan = plan;
        this.place = place;
        this.groups = groups;
        this.api = api;
        this.process = process;
    }

    @Override
    public ByteChannel connect(Duration patience) throws IOException {
        return GuestSocket.connect(place.door().resolve(Place.VSOCK), Requests.GUEST_PORT, patience);
    }

    /** By a connection that says nothing: the guest takes one when it is up. */
    @Override
    public void awaitGuest(Duration patience) throws IOException {
        connect(patience).close();
    }

    @Override
    public void release() {
        // Nothing is held but what is opened for each request.
    }

    @Override
    public long pid() {
        return process.handle().pid();
    }

    @Override
    public boolean isAlive() {
        return process.isAlive();
    }

    @Override
    public void save(Path directory) {
        Requests.save().forEach(request -> api.send(request, SAVING));
        try {
            MachineFiles.keep(place, directory);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a machine could not be kept in " + directory,
                            e.toString(),
                            "See that there is room for the guest's whole memory, and that the directory is empty."),
                    e);
        }
    }

    @Override
    public void balloon(long memory) {
        api.send(Requests.balloon(plan, memory), SOON);
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (!process.end(SOON)) {
            // What it uses stays where it is: it may still write there.
            log.error("process {} of a machine does not end", pid());
            return;
        }
        clear(place, groups);
    }

    static void clear(Place place, List<Path> groups) {
        try {
            MachineFiles.clear(place);
            MachineFiles.clear(groups);
        } catch (IOException e) {
            log.warn("what a machine used was not cleared: {}", e.toString());
        }
    }
}
