package dev.cloister.core.audit;

/**
 * One link of the audit chain.
 *
 * @param seq 1, 2, 3 …
 * @param at milliseconds since the epoch
 * @param actor a tenant's id, or {@code operator} or {@code server}
 * @param action such as {@code turn.completed} or {@code violation}
 * @param detail one line of JSON; never a prompt, code, or a secret
 * @param previous the hash of the entry before; 64 zeroes for the first
 * @param hash HMAC-SHA-256 over all of the above under the server's audit key, in hex
 */
public record AuditEntry(long seq, long at, String actor, String action, String detail, String previous, String hash) {}
