package dev.cloister.isolation.tck;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A victim's process, watched from the host; or by programs in the victim's own place, where another kernel runs it and the host
 * has no such process.
 *
 * @param pid as the kernel numbers it that runs it
 */
record Watch(long pid, Optional<Tenant> inside, String mark) {
    /** The victim says its number in its HOME; a process that has it now and is another is not taken for it. */
    private static final String LOOK =
            "read -r pid <\"$HOME/pid\" && tr '\\0' ' ' <\"/proc/$pid/cmdline\" | grep -q -- \"$1\" && cat \"/proc/$pid/stat\"";

    /** More processes and threads than an attack starts that aims at one of the victim's. */
    private static final int FAR = 1000;

    private static final int THREADS = 100;

    /** Threads have numbers, too. */
    private static final String USE_UP = """
            import threading
            for _ in range(%d):
                thread = threading.Thread(target=int)
                thread.start()
                thread.join()
            """.formatted(THREADS);

    /** @param mark an argument that nothing else has but what launched it */
    static Optional<Watch> onHost(String mark) throws IOException {
        long found = HostProcesses.where(pid -> {
            String line = HostProcesses.read(pid, "cmdline");
            // Not what launched it, which may have been given the same arguments.
            return line.substring(0, Math.max(0, line.indexOf('\0'))).endsWith("python3")
                    && line.contains("\0" + mark + "\0");
        });
        return found == 0 ? Optional.empty() : Optional.of(new Watch(found, Optional.empty(), mark));
    }

    /**
     * @param mark an argument of its own
     * @throws IOException if it does not live
     */
    static Watch inside(Tenant victim, String mark) throws IOException, InterruptedException {
        String stat = look(victim, mark);
        if (HostProcesses.state(stat) == 'X') {
            throw new IOException("the victim ended as soon as it was ready");
        }
        return new Watch(Long.parseLong(stat.substring(0, stat.indexOf(' '))), Optional.of(victim), mark);
    }

    private static String look(Tenant victim, String mark) throws IOException, InterruptedException {
        return victim.run(List.of("/bin/sh", "-c", LOOK, "sh", mark), Map.of());
    }

    /**
     * Each kernel numbers processes for itself. What an attack does to a process of the attacker's own that happens to have the
     * victim's number must not look like a success. So the attacker's kernel has to have given that number away already, or to
     * be far from it; this takes it there.
     *
     * @return false if a process of the attacker's has the number now
     */
    boolean isApartFrom(Tenant attacker) throws IOException, InterruptedException {
        for (int i = 0; i < FAR / THREADS + 2; i++) {
            List<String> said = attacker.run(
                            List.of(
                                    "/bin/sh",
                                    "-c",
                                    "echo $$; [ ! -e /proc/$1 ] || echo taken",
                                    "sh",
                                    Long.toString(pid)),
                            Map.of())
                    .lines()
                    .toList();
            if (said.isEmpty()) {
                throw new IOException("nothing runs in the attacker's place");
            }
            long next = Long.parseLong(said.getFirst());
            if (said.size() > 1) {
                return false;
            }
            if (next > pid || next < pid - FAR) {
                return true;
            }
            attacker.run(List.of("python3", "-c", USE_UP), Map.of());
        }
        throw new IOException("the attacker's kernel does not count on");
    }

    boolean isInside() {
        return inside.isPresent();
    }

    /** Whether it is there, and neither stopped nor dead. */
    boolean isWell() throws IOException, InterruptedException {
        String stat = inside.isPresent() ? look(inside.get(), mark) : HostProcesses.read(pid, "stat");
        return "ZXTt".indexOf(HostProcesses.state(stat)) < 0;
    }
}
