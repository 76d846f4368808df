package dev.cloister.core.store;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * What must survive a restart. Thread-safe; usable by several processes at once. Every method is one transaction and
 * durable against the death of the process when it returns; all but events also against a loss of power.
 *
 * <p>A limit is 1 or more. A tenant that does not exist is NOT_FOUND where a method would change it. Functions given to a
 * method run inside its transaction and must not call the store. After {@link #close} every method is NOT_READY.
 */
public interface Store extends AutoCloseable {
    /** A value of the installation, such as the uid range drawn at first start. */
    Optional<String> setting(String name);

    /** Sets it if it is not set yet; returns what it is afterwards. */
    String settingOrElse(String name, String initial);

    /**
     * The tenant of a fingerprint, made if there is none.
     *
     * @param uids from where a new tenant's uid is taken; a uid is never used twice, even after its tenant was deleted
     * @throws dev.cloister.core.error.CloisterException OVERLOADED if no uid is left; UNAUTHENTICATED if the fingerprint
     *     made a tenant that has dropped it since: a withdrawn credential neither opens the old tenant nor makes a new one
     */
    Tenant tenantOf(Fingerprint fingerprint, UidAllocation uids, long now);

    /** Makes a tenant by name, with a first fingerprint and a random id. CONFLICT if name or fingerprint is taken. */
    Tenant addTenant(String name, Fingerprint fingerprint, UidAllocation uids, long now);

    Optional<Tenant> findTenant(Fingerprint fingerprint);

    Optional<Tenant> tenant(TenantId id);

    /** Oldest first. */
    List<Tenant> tenants();

    long tenantCount();

    /** Adds a credential to a tenant. CONFLICT if another tenant has it. */
    void addFingerprint(TenantId tenant, Fingerprint fingerprint, long now);

    /** Forgets all credentials of a tenant but one. NOT_FOUND if it is not the tenant's: that would lock it out. */
    void keepOnlyFingerprint(TenantId tenant, Fingerprint fingerprint);

    void setTenantEnabled(TenantId tenant, boolean enabled);

    /** Forgets a tenant with its sessions, events and credentials; its usage and audit entries stay, its uid stays used. */
    boolean deleteTenant(TenantId tenant);

    /** CONFLICT if any tenant has a session of this id. */
    void insertSession(Session session);

    Optional<Session> session(TenantId tenant, SessionId id);

    /**
     * The newest by {@code createdAt} first. {@code after} continues behind that session of an earlier page; NOT_FOUND if
     * the tenant has no such session.
     */
    List<Session> sessions(TenantId tenant, Optional<SessionId> after, int limit);

    /** Applies a change to a session in one transaction; empty if there is no such session. Id and tenant stay. */
    Optional<Session> updateSession(TenantId tenant, SessionId id, UnaryOperator<Session> change);

    /** Deletes a session with its events. */
    boolean deleteSession(TenantId tenant, SessionId id);

    /**
     * Appends events and drops those of the sessions concerned that are {@code keepPerSession} or more numbers behind the
     * session's last. Events of a session that was deleted meanwhile are dropped too; CONFLICT, and nothing is appended, if a session has an event of that number.
     */
    void appendEvents(List<SessionEvent> events, int keepPerSession);

    /** Events of a session with {@code seq} greater than {@code after}, in order. */
    List<SessionEvent> events(SessionId session, long after, int limit);

    /** The greatest {@code seq} that a session has; 0 if it has none. */
    long lastEvent(SessionId session);

    void addUsage(UsageRecord usage);

    /** Totals by model over {@code from <= at < to}, in the order of the models' names. */
    List<UsageTotals> usage(TenantId tenant, long from, long to);

    /**
     * Appends one entry to the audit chain: {@code next} gets the last entry, if any, and returns its successor, inside
     * one exclusive transaction.
     */
    AuditEntry appendAudit(Function<Optional<AuditEntry>, AuditEntry> next);

    /** Audit entries with {@code seq} greater than {@code after}, in order. */
    List<AuditEntry> audit(long after, int limit);

    Optional<AuditEntry> lastAudit();

    @Override
    void close();
}
