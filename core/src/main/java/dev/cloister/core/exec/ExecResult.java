package dev.cloister.core.exec;

import dev.cloister.spi.ExitStatus;
import java.time.Duration;

/** How a command ended. */
public record ExecResult(ExitStatus status, Duration duration) {}
