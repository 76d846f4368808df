package dev.cloister.core.session;

import dev.cloister.core.exec.Exec;
import dev.cloister.core.exec.ExecRequest;
import dev.cloister.core.exec.Execs;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.spi.ExitStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the agent keeps of sessions in HOME, changed by scripts that run as the tenant itself: the files are the tenant's, and the
 * server does not touch them. Thread-safe.
 */
public final class Transcripts {
    private static final String FORGET =
            "rm -rf -- \"$HOME\"/.claude/projects/*/\"$1\".jsonl \"$HOME\"/.claude/projects/*/\"$1\" "
                    + "\"$HOME\"/.claude/session-env/\"$1\" \"$HOME\"/.claude/tasks/\"$1\"";

    /** What the transcript says of the parent by its id, such as where large outputs stand, becomes the fork's. */
    private static final String FORK = """
            set -eu
            for transcript in "$HOME"/.claude/projects/*/"$1".jsonl; do
                project=${transcript%/*}
                sed "s/$1/$2/g" < "$transcript" > "$project/$2.jsonl"
                if [ -d "$project/$1" ]; then cp -R -- "$project/$1" "$project/$2"; fi
            done
            """;

    private static final String SET_ASIDE = """
            set -eu
            for transcript in "$HOME"/.claude/projects/*/"$1".jsonl; do
                mv -- "$transcript" "$transcript.damaged-$(date +%s)"
            done
            """;

    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private final Execs execs;

    public Transcripts(Execs execs) {
        this.execs = execs;
    }

    /** Removes all of a session. What cannot be removed stays. */
    void forget(Tenant tenant, SessionId session) {
        run(tenant, "session-delete", FORGET, session);
    }

    /**
     * Gives a fork a transcript of its own, as its parent stands now: later turns of the parent are not the fork's, and the
     * parent may be deleted. Says whether it has all of it.
     */
    boolean fork(Tenant tenant, SessionId parent, SessionId fork) {
        return run(tenant, "session-fork", FORK, parent, fork);
    }

    /**
     * Gives a transcript that the agent cannot read another name, so that it begins one anew. Says whether there was one, and has
     * that name now.
     */
    public boolean setAside(Tenant tenant, SessionId session) {
        return run(tenant, "session-damaged", SET_ASIDE, session);
    }

    /** The ids are checked UUIDs. */
    private boolean run(Tenant tenant, String what, String script, SessionId... ids) {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, what));
        for (SessionId id : ids) {
            command.add(id.toString());
        }
        ExecRequest request = new ExecRequest(tenant, what, command, new byte[0], Map.of(), "", PATIENCE);
        try (Exec exec = execs.start(request)) {
            while (exec.result().isEmpty()) {
                exec.poll(Duration.ofSeconds(1));
            }
            return exec.result().get().status() instanceof ExitStatus.Exited(int code) && code == 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
