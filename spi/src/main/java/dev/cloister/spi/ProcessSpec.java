package dev.cloister.spi;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A process to start.
 *
 * @param command program and arguments; they can be seen by every process of the host: nothing secret
 * @param env the whole environment but HOME, TMPDIR, PATH and USER, which the sandbox sets
 * @param cwd the working directory as the tenant's processes see it
 * @param forward only where {@link Sandbox#hasOwnNetwork}
 * @param exposed whether {@link Sandbox#connect} reaches servers that it starts; only where {@link Sandbox#hasOwnNetwork}
 */
public record ProcessSpec(
        List<String> command, Map<String, String> env, String cwd, Optional<Forward> forward, boolean exposed) {
    public ProcessSpec {
        command = List.copyOf(command);
        env = Map.copyOf(env);
    }

    public ProcessSpec withForward(Forward other) {
        return new ProcessSpec(command, env, cwd, Optional.of(other), exposed);
    }

    public ProcessSpec withEnv(Map<String, String> other) {
        return new ProcessSpec(command, other, cwd, forward, exposed);
    }

    public ProcessSpec withExposed() {
        return new ProcessSpec(command, env, cwd, forward, true);
    }

    /** One whose network leads nowhere, nor into it. */
    public ProcessSpec(List<String> command, Map<String, String> env, String cwd) {
        this(command, env, cwd, Optional.empty(), false);
    }
}
