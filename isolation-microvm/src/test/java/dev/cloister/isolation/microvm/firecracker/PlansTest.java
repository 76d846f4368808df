package dev.cloister.isolation.microvm.firecracker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

/** What is decided without any I/O: command lines, requests, names. */
class PlansTest {
    private static final Description DESCRIPTION = Description.read();

    private static MachinePlan plan(int disks, int cpus, Optional<Long> uid) {
        return new MachinePlan(
                Path.of("/run/m"),
                Path.of("/boot/vmlinux"),
                Path.of("/boot/initramfs"),
                IntStream.range(0, disks)
                        .mapToObj(number -> new MachinePlan.Disk(Path.of("/disks/" + number), number % 2 == 1))
                        .toList(),
                512L << 20,
                cpus,
                uid);
    }

    private static Installation jailed(Optional<Installation.Groups> groups) {
        return new Installation(
                Path.of("/opt/firecracker"),
                Optional.of(new Installation.Jail(Path.of("/opt/jailer"), Path.of("/srv/jails"), groups)));
    }

    private static String line(Installation installation, MachinePlan plan) {
        return String.join(" ", Commands.of(installation, Place.of(installation, plan), plan));
    }

    @Test
    void withoutAJailItIsStartedByItself() {
        assertThat(line(new Installation(Path.of("/opt/firecracker"), Optional.empty()), plan(1, 1, Optional.empty())))
                .isEqualTo("setsid /opt/firecracker --id 4c78c29e-7760-3265-93c8-d6d444533e29 --api-sock api.sock");
    }

    @Test
    void theJailerGetsUidBaseAndNamespaces() {
        assertThat(line(jailed(Optional.empty()), plan(1, 1, Optional.of(70_001L))))
                .isEqualTo("setsid unshare --net -- /opt/jailer --id 4c78c29e-7760-3265-93c8-d6d444533e29"
                        + " --exec-file /opt/firecracker --uid 70001 --gid 70001 --chroot-base-dir /srv/jails --new-pid-ns"
                        + " -- --api-sock api.sock");
    }

    @Test
    void theJailerBoundsMemoryProcessorsAndProcesses() {
        assertThat(line(jailed(Optional.of(new Installation.Groups(2, "cloister/vm"))), plan(1, 2, Optional.of(7L))))
                .contains(" --cgroup-version 2 --parent-cgroup cloister/vm --cgroup memory.max=603979776"
                        + " --cgroup cpu.max=200000 100000 --cgroup pids.max=18 -- ");
        assertThat(line(jailed(Optional.of(new Installation.Groups(1, "cloister/vm"))), plan(1, 1, Optional.of(7L))))
                .contains(
                        " --cgroup-version 1 --parent-cgroup cloister/vm --cgroup memory.limit_in_bytes=603979776"
                                + " --cgroup cpu.cfs_period_us=100000 --cgroup cpu.cfs_quota_us=100000 --cgroup pids.max=17 -- ");
        assertThatThrownBy(() -> new Installation.Groups(3, "x")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theGroupsThatTheJailerLeavesAreKnown() {
        MachinePlan plan = plan(1, 1, Optional.of(7L));
        Installation second = jailed(Optional.of(new Installation.Groups(2, "cloister/vm")));
        Place place = Place.of(second, plan);
        assertThat(Commands.groups(second, place, Commands.GROUPS))
                .containsExactly(Path.of("/sys/fs/cgroup/cloister/vm", place.id()));
        assertThat(Commands.groups(jailed(Optional.of(new Installation.Groups(1, "vm"))), place, Commands.GROUPS))
                .containsExactly(
                        Path.of("/sys/fs/cgroup/memory/vm", place.id()),
                        Path.of("/sys/fs/cgroup/cpu/vm", place.id()),
                        Path.of("/sys/fs/cgroup/pids/vm", place.id()));
        assertThat(Commands.groups(jailed(Optional.empty()), place, Commands.GROUPS))
                .isEmpty();
    }

    @Test
    void aJailIsWhereTheJailerMakesIt() {
        Place place = Place.of(jailed(Optional.empty()), plan(1, 1, Optional.of(7L)));
        assertThat(place.root()).isEqualTo(Path.of("/srv/jails/firecracker", place.id(), "root"));
        assertThat(place.id()).matches("[A-Za-z0-9-]{1,64}");
        assertThat(place.door()).isEqualTo(Path.of("/run/m/root"));
    }

    @Test
    void everyRequestIsAsDescribed() {
        requests().forEach(request -> {
            String name = DESCRIPTION.name(request.method(), request.path()).orElseThrow();
            assertThat(DESCRIPTION.wrong(name, new ObjectMapper().valueToTree(request.body())))
                    .isEmpty();
        });
    }

    @Test
    void noMachineGetsANetworkInterfaceOrAMetadataService() {
        assertThat(requests().map(Requests.Request::path))
                .isNotEmpty()
                .noneMatch(path -> path.contains("network") || path.contains("mmds"));
        assertThat(requests().map(request -> request.body().toString()))
                .noneMatch(body -> body.contains("iface") || body.contains("host_dev_name"));
    }

    private static Stream<Requests.Request> requests() {
        return IntStream.rangeClosed(0, 5)
                .boxed()
                .flatMap(disks -> Stream.of(
                        Requests.boot(plan(disks, 1 + disks, Optional.empty())),
                        Requests.load(),
                        Requests.save(),
                        List.of(Requests.balloon(plan(disks, 1, Optional.empty()), 64L << disks))))
                .flatMap(List::stream);
    }

    @Test
    void onlyWritableDisksAreWritableAndFlushed() {
        assertThat(Requests.boot(plan(2, 1, Optional.empty())).stream()
                        .filter(request -> request.path().startsWith("/drives/"))
                        .map(request -> request.path() + " " + request.body().get("is_read_only") + " "
                                + request.body().get("cache_type")))
                .containsExactly("/drives/disk0 true Unsafe", "/drives/disk1 false Writeback");
    }

    @Test
    void aBalloonNeverAsksForMoreThanThereIs() {
        MachinePlan plan = plan(1, 1, Optional.empty());
        assertThat(Requests.balloon(plan, 128L << 20).body()).containsEntry("amount_mib", 384L);
        assertThat(Requests.balloon(plan, 1L << 40).body()).containsEntry("amount_mib", 0L);
    }

    @Test
    void aMachineThatWasSavedNeedsNoKernel() {
        MachinePlan plan = plan(2, 1, Optional.empty());
        assertThat(Place.files(plan, Optional.empty()).keySet())
                .containsExactly("kernel", "initramfs", "disk0", "disk1");
        assertThat(Place.files(plan, Optional.of(Path.of("/saved"))).keySet())
                .containsExactly("saved-state", "saved-memory", "disk0", "disk1");
    }
}
