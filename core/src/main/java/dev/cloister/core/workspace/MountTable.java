package dev.cloister.core.workspace;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The mounts of this process, from the text of {@code /proc/self/mountinfo}. Pure.
 *
 * @see <a href="https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html">proc_pid_mountinfo(5)</a>
 */
public final class MountTable {
    private static final int POINT = 4;
    private static final int OPTIONS = 5;

    /** @param source the device, as mount(8) was told or found it */
    public record Mount(Path point, String type, String source, Set<String> options) {}

    private MountTable() {}

    /** In the order in which they were made, so that the last at a point is the one that is seen. */
    public static List<Mount> parse(String text) {
        List<Mount> mounts = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            List<String> fields = Arrays.asList(line.split(" ", -1));
            int separator = fields.indexOf("-");
            if (separator > OPTIONS && fields.size() > separator + 2) {
                mounts.add(new Mount(
                        Path.of(unescaped(fields.get(POINT))),
                        fields.get(separator + 1),
                        unescaped(fields.get(separator + 2)),
                        Set.copyOf(Arrays.asList(fields.get(OPTIONS).split(",", -1)))));
            }
        }
        return List.copyOf(mounts);
    }

    /** The mount that a path without links is on. */
    public static Optional<Mount> of(Path path, List<Mount> mounts) {
        return mounts.stream()
                .filter(mount -> path.startsWith(mount.point()))
                // Of two at one point the later covers the earlier.
                .reduce((one, later) ->
                        later.point().getNameCount() >= one.point().getNameCount() ? later : one);
    }

    /** The kernel writes blanks and backslashes as three octal digits. */
    private static String unescaped(String field) {
        byte[] raw = field.getBytes(StandardCharsets.UTF_8);
        byte[] out = new byte[raw.length];
        int length = 0;
        for (int i = 0; i < raw.length; i++) {
            if (raw[i] == '\\' && i + 3 < raw.length) {
                out[length++] = (byte) Integer.parseInt(new String(raw, i + 1, 3, StandardCharsets.US_ASCII), 8);
                i += 3;
            } else {
                out[length++] = raw[i];
            }
        }
        return new String(out, 0, length, StandardCharsets.UTF_8);
    }
}
