package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What is asked of Firecracker, in the order in which it wants it. Pure. There is no request for a network interface: a machine has none.
 *
 * @see <a
 *     href="https://github.com/firecracker-microvm/firecracker/blob/v1.16.1/src/firecracker/swagger/firecracker.yaml">The API, 1.16.1</a>
 */
final class Requests {
    /** Host and guest speak over this port. */
    static final int GUEST_PORT = 1024;

    /** Each machine is on a bus of its own, so all may have the first number that is free. */
    private static final int GUEST_CID = 3;

    /** An end of the guest's init ends the machine at once; nobody reads a console. */
    private static final String BOOT_ARGUMENTS = "reboot=k panic=-1 pci=off 8250.nr_uarts=0 quiet";

    private static final int MEBIBYTE = 20;

    private Requests() {}

    /**
     * @param path with a leading slash
     * @param body a JSON object's members
     */
    record Request(String method, String path, Map<String, Object> body) {}

    /** A machine from its kernel's start on. */
    static List<Request> boot(MachinePlan plan) {
        List<Request> requests = new ArrayList<>();
        requests.add(put(
                "/machine-config",
                Map.of("vcpu_count", plan.cpus(), "mem_size_mib", plan.memory() >> MEBIBYTE, "smt", false)));
        requests.add(put(
                "/boot-source",
                Map.of(
                        "kernel_image_path", Place.KERNEL,
                        "initrd_path", Place.INITRAMFS,
                        "boot_args", BOOT_ARGUMENTS)));
        for (int number = 0; number < plan.disks().size(); number++) {
            requests.add(drive(Place.disk(number), plan.disks().get(number).writable()));
        }
        requests.add(put("/vsock", Map.of("guest_cid", GUEST_CID, "uds_path", Place.VSOCK)));
        requests.add(put("/entropy", Map.of()));
        // Empty, and given back when the guest has no memory left: it is there to lower what an idle guest keeps.
        requests.add(put("/balloon", Map.of("amount_mib", 0, "deflate_on_oom", true)));
        requests.add(put("/actions", Map.of("action_type", "InstanceStart")));
        return requests;
    }

    private static Request drive(String name, boolean writable) {
        return put(
                "/drives/" + name,
                Map.of(
                        "drive_id",
                        name,
                        "path_on_host",
                        name,
                        // The root is in the initramfs.
                        "is_root_device",
                        false,
                        "is_read_only",
                        !writable,
                        // What the guest has flushed is on the host's disk.
                        "cache_type",
                        writable ? "Writeback" : "Unsafe"));
    }

    /** A machine that was saved, from where it stood on. All that it was made of, and the names of its files, is in what was saved. */
    static List<Request> load() {
        return List.of(put(
                "/snapshot/load",
                Map.of(
                        "snapshot_path",
                        Place.SAVED_STATE,
                        "mem_backend",
                        Map.of("backend_type", "File", "backend_path", Place.SAVED_MEMORY),
                        "resume_vm",
                        true)));
    }

    /** Stops a machine and writes it down. */
    static List<Request> save() {
        return List.of(
                new Request("PATCH", "/vm", Map.of("state", "Paused")),
                put(
                        "/snapshot/create",
                        Map.of(
                                "snapshot_type", "Full",
                                "snapshot_path", Place.SAVED_STATE,
                                "mem_file_path", Place.SAVED_MEMORY)));
    }

    /** Takes from the guest what it has beyond {@code memory} bytes. */
    static Request balloon(MachinePlan plan, long memory) {
        return new Request("PATCH", "/balloon", Map.of("amount_mib", Math.max(0, plan.memory() - memory) >> MEBIBYTE));
    }

    private static Request put(String path, Map<String, Object> body) {
        return new Request("PUT", path, body);
    }
}
