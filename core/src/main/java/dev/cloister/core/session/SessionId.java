package dev.cloister.core.session;

import dev.cloister.core.error.CloisterException;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * A conversation's name: a UUID, which is all that the agent's program accepts. A path in its place would make the agent
 * read any transcript it can open, so the shape is checked before anything is done with it.
 */
public record SessionId(UUID value) {
    private static final Pattern SHAPE =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

    public static SessionId random() {
        return new SessionId(UUID.randomUUID());
    }

    /** @throws CloisterException INVALID_REQUEST if it is not a UUID */
    public static SessionId parse(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (!SHAPE.matcher(lower).matches()) {
            throw CloisterException.invalid("session_id must be a UUID such as " + UUID.nameUUIDFromBytes(new byte[0])
                    + "; leave it out to start a new session");
        }
        return new SessionId(UUID.fromString(lower));
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
