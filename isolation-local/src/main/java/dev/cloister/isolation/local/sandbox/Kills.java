package dev.cloister.isolation.local.sandbox;

import dev.cloister.spi.ExitStatus;

/** Which ends may have been the kernel's doing, for want of memory. */
public final class Kills {
    private static final int SIGKILL = 9;
    /** How a shell tells that its command was killed. */
    private static final int KILLED_IN_A_SHELL = 128 + SIGKILL;

    private Kills() {}

    public static boolean isKill(ExitStatus status) {
        return switch (status) {
            case ExitStatus.Signalled(int signal) -> signal == SIGKILL;
            case ExitStatus.Exited(int code) -> code == KILLED_IN_A_SHELL;
            case ExitStatus.TimedOut timedOut -> false;
            case ExitStatus.OutOfMemory outOfMemory -> false;
            case ExitStatus.Cancelled cancelled -> false;
        };
    }
}
