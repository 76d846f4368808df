package dev.cloister.isolation.microvm.qemu;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line of a virtual machine: the one place that knows QEMU's options. Pure. It has the three disks, one serial port to
 * the server, a source of randomness and a balloon; no network device, nothing of the host's file system, no display.
 */
final class QemuArguments {
    /** What QEMU calls the channel to the guest. */
    static final String CHANNEL = "guest";

    static final String QMP_SOCKET = "qmp.sock";
    static final String GUEST_SOCKET = "guest.sock";
    static final String STATE_SOCKET = "state.sock";

    /** The memory of a machine that boots, as a file; it becomes a part of the state. */
    static final String MEMORY = "memory";

    /** Where the memory is of one that goes on from a state: {@code cloister-guest --memory} leaves it there. */
    private static final String INHERITED_MEMORY = "/proc/self/fd/9";

    private static final List<String> DISKS = List.of("cloister-root", "cloister-programs", "cloister-disk");
    /** Of the translated code, in MiB; it is the machine's own and in no tenant's bound. */
    private static final int TRANSLATED = 64;

    private QemuArguments() {}

    /**
     * @param program QEMU's
     * @param accelerator {@code kvm} or {@code tcg}
     * @param counterRate how fast the processor's counter runs in kHz, for a guest that cannot find out by itself
     * @param waiting whether it waits for a state to go on from, and does not boot
     */
    static List<String> of(Path program, String accelerator, long counterRate, MachinePlan plan, boolean waiting) {
        boolean translating = accelerator.equals("tcg");
        Path directory = plan.directory();
        List<String> all = new ArrayList<>(List.of(program.toString()));
        all.addAll(List.of("-name", directory.getFileName().toString()));
        // With a second interrupt controller the guest's disks give no sign of life; without the old clocks it hangs
        // now and then.
        all.addAll(List.of("-M", "microvm,rtc=on,pit=on,pic=on,ioapic2=off,memory-backend=memory"));
        all.addAll(List.of("-accel", translating ? "tcg,tb-size=" + TRANSLATED : "kvm"));
        all.addAll(List.of("-cpu", translating ? "max" : "host"));
        String size = (plan.memory() >> 20) + "M";
        all.addAll(List.of("-m", size, "-smp", Integer.toString(plan.cpus())));
        // Shared, so that a state is kept without it; but with nobody.
        all.addAll(List.of(
                "-object",
                "memory-backend-file,id=memory,share=on,size=" + size + ",mem-path="
                        + (waiting ? INHERITED_MEMORY : escaped(directory.resolve(MEMORY)))));
        all.addAll(List.of("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"));
        all.addAll(List.of("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
        all.addAll(List.of(
                "-kernel", plan.kernel().toString(), "-initrd", plan.initramfs().toString()));
        all.addAll(List.of(
                "-append",
                "console=ttyS0 quiet loglevel=1 panic=-1 reboot=t"
                        + (translating && counterRate > 0 ? " tsc_early_khz=" + counterRate : "")));
        all.addAll(List.of("-serial", "file:" + directory.resolve("console.log")));
        all.addAll(List.of("-global", "virtio-mmio.force-legacy=false"));
        for (int number = 0; number < plan.disks().size(); number++) {
            disk(all, number, plan.disks().get(number));
        }
        all.addAll(List.of("-device", "virtio-serial-device,bus=virtio-mmio-bus.3,max_ports=2"));
        all.addAll(List.of("-chardev", socket(CHANNEL, directory.resolve(GUEST_SOCKET))));
        all.addAll(List.of("-device", "virtserialport,chardev=" + CHANNEL + ",name=cloister"));
        all.addAll(List.of("-device", "virtio-rng-device,bus=virtio-mmio-bus.4"));
        all.addAll(List.of("-device", "virtio-balloon-device,bus=virtio-mmio-bus.5,free-page-reporting=on"));
        all.addAll(
                List.of("-chardev", socket("control", directory.resolve(QMP_SOCKET)), "-mon", "control,mode=control"));
        if (waiting) {
            all.addAll(List.of("-incoming", "defer"));
        }
        return List.copyOf(all);
    }

    private static void disk(List<String> all, int number, MachinePlan.Disk disk) {
        // A full disk of the host's is an error for the guest to see; the machine would be stopped otherwise.
        all.addAll(List.of(
                "-drive",
                "if=none,id=disk" + number + ",format=raw,file=" + escaped(disk.file())
                        + (disk.writable() ? ",discard=unmap,werror=report,rerror=report" : ",readonly=on")));
        all.addAll(List.of(
                "-device",
                "virtio-blk-device,drive=disk" + number + ",serial=" + DISKS.get(number) + ",bus=virtio-mmio-bus."
                        + number));
    }

    private static String socket(String id, Path path) {
        return "socket,id=" + id + ",path=" + escaped(path) + ",server=on,wait=off";
    }

    /** A comma within a value is written twice. */
    private static String escaped(Path path) {
        return path.toString().replace(",", ",,");
    }
}
