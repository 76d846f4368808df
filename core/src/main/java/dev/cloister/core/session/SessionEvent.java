package dev.cloister.core.session;

/**
 * One event of a session as clients see it.
 *
 * @param seq 1, 2, 3 … within the session: the {@code id:} of the server-sent event
 * @param type the {@code event:} name: the Messages API's, or {@code agent.*} for what the agent does
 * @param data one line of JSON
 * @param at milliseconds since the epoch
 */
public record SessionEvent(SessionId session, long seq, String type, String data, long at) {}
