package dev.cloister.isolation.local.launch;

import dev.cloister.spi.Finding;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Why a launch was refused, as the launcher said it.
 *
 * @param stage the layer that could not be applied
 * @param error the number of errno(3)
 * @param detail what it was tried on
 */
public record LaunchFailure(String stage, int error, String detail) {
    private static final Pattern LINE = Pattern.compile("failed ([a-z-]+) (\\d{1,4}) (.*)");
    /** As errno-base.h of Linux numbers them, alike on x86-64 and arm64. */
    private static final Map<Integer, String> ERRORS = Map.ofEntries(
            Map.entry(1, "EPERM"),
            Map.entry(2, "ENOENT"),
            Map.entry(3, "ESRCH"),
            Map.entry(7, "E2BIG"),
            Map.entry(11, "EAGAIN"),
            Map.entry(12, "ENOMEM"),
            Map.entry(13, "EACCES"),
            Map.entry(16, "EBUSY"),
            Map.entry(17, "EEXIST"),
            Map.entry(20, "ENOTDIR"),
            Map.entry(22, "EINVAL"),
            Map.entry(28, "ENOSPC"),
            Map.entry(30, "EROFS"),
            Map.entry(36, "ENAMETOOLONG"),
            Map.entry(38, "ENOSYS"),
            Map.entry(75, "EOVERFLOW"),
            Map.entry(95, "EOPNOTSUPP"),
            Map.entry(104, "ECONNRESET"),
            Map.entry(111, "ECONNREFUSED"));

    static Optional<LaunchFailure> parse(String line) {
        Matcher matcher = LINE.matcher(line);
        return matcher.matches()
                ? Optional.of(new LaunchFailure(matcher.group(1), Integer.parseInt(matcher.group(2)), matcher.group(3)))
                : Optional.empty();
    }

    /** The error's name in the manual pages. */
    public String errorName() {
        return ERRORS.getOrDefault(error, "error " + error);
    }

    public Finding finding() {
        return new Finding(
                what(), "the launcher stopped at \"" + stage + "\": " + detail + ": " + errorName(), remedy());
    }

    private String what() {
        return switch (stage) {
            case "namespaces", "id-map" -> "this host refuses new namespaces";
            case "cgroup" -> "a process could not be put into its control group";
            case "root", "mount", "pivot" -> "a file system for a sandbox could not be put together";
            case "loopback", "hostname" -> "a new namespace could not be set up";
            case "rlimit", "ids", "capabilities", "no-new-privs" -> "a process could not give up its privileges";
            case "landlock" -> "Landlock could not be applied";
            case "seccomp" -> "the filter of system calls could not be applied";
            case "tmp" -> "a temporary directory could not be made";
            default -> "a process could not be started";
        };
    }

    private String remedy() {
        return switch (stage) {
            case "namespaces", "id-map" ->
                "On a host: sysctl user.max_user_namespaces must not be 0, and kernel.apparmor_restrict_unprivileged_userns must"
                        + " not be 1. In a container: let its seccomp profile allow unshare and mount, or use isolation.mode:"
                        + " directories.";
            case "cgroup" -> "Check that nobody else changes the groups below the server's own.";
            case "root", "mount", "pivot" ->
                error == 1
                        ? "In a container: allow mount(2), and show the whole of /proc (Docker: --security-opt"
                                + " seccomp=unconfined --security-opt systempaths=unconfined); or use isolation.mode: directories."
                        : "Check that every uid can walk to the path that is named.";
            case "landlock" -> "Linux 5.13 or newer with Landlock switched on (lsm=landlock,…) has it.";
            case "tmp" -> "Check the space and the tenant's quota.";
            default -> "Check the host's limits on processes and memory, and report it if they are generous.";
        };
    }
}
