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
 * durable against the death of the process when it returns.
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
     * @throws dev.cloister.core.error.CloisterException OVERLOADED if no uid is left
     */
    Tenant tenantOf(Fingerprint fingerprint, UidAllocation uids, long now);

    /** Makes a tenant by name, with a first fingerprint. CONFLICT if name or fingerprint is taken. */
    Tenant addTenant(String name, Fingerprint fingerprint, UidAllocation uids, long now);

    Optional<Tenant> findTenant(Fingerprint fingerprint);

    Optional<Tenant> tenant(TenantId id);

    List<Tenant> tenants();

    long tenantCount();

    /** Adds a credential to a tenant. CONFLICT if another tenant has it. */
    void addFingerprint(TenantId tenant, Fingerprint fingerprint, long now);

    /** Forgets all credentials of a tenant but one. */
    void keepOnlyFingerprint(TenantId tenant, Fingerprint fingerprint);

    void setTenantEnabled(TenantId tenant, boolean enabled);

    /** Forgets a tenant with its sessions, events and credentials; its usage and audit entries stay, its uid stays used. */
    boolean deleteTenant(TenantId tenant);

    void insertSession(Session session);

    Optional<Session> session(TenantId tenant, SessionId id);

    /** Newest first. {@code after} continues behind that session of an earlier page. */
    List<Session> sessions(TenantId tenant, Optional<SessionId> after, int limit);

    /** Applies a change to a session in one transaction; empty if there is no such session. */
    Optional<Session> updateSession(TenantId tenant, SessionId id, UnaryOperator<Session> change);

    /** Deletes a session with its events. */
    boolean deleteSession(TenantId tenant, SessionId id);

    /** Appends events and drops the oldest of the sessions concerned beyond {@code keepPerSession}. */
    void appendEvents(List<SessionEvent> events, int keepPerSession);

    /** Events of a session with {@code seq} greater than {@code after}, in order. */
    List<SessionEvent> events(SessionId session, long after, int limit);

    /** The greatest {@code seq} that a session has; 0 if it has none. */
    long lastEvent(SessionId session);

    void addUsage(UsageRecord usage);

    /** Totals by model over {@code from <= at < to}. */
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
