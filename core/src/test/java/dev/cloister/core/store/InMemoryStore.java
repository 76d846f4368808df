package dev.cloister.core.store;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/** A complete store for tests: every method under one lock, nothing kept. */
public final class InMemoryStore implements Store {
    private static final Comparator<Session> NEWEST_FIRST = Comparator.comparingLong(Session::createdAt)
            .thenComparing(session -> session.id().toString())
            .reversed();

    private final Map<String, String> settings = new HashMap<>();
    private final Map<TenantId, Tenant> tenants = new LinkedHashMap<>();
    private final Map<Fingerprint, TenantId> fingerprints = new HashMap<>();
    private final TreeSet<Long> usedUids = new TreeSet<>();
    private final Map<SessionId, Session> sessions = new HashMap<>();
    private final Map<SessionId, TreeMap<Long, SessionEvent>> events = new HashMap<>();
    private final List<UsageRecord> usage = new ArrayList<>();
    private final Map<TenantId, SandboxUsage> sandboxUsage = new HashMap<>();
    private final Map<TenantId, TreeMap<String, Sealed>> hostCredentials = new HashMap<>();
    private final List<AuditEntry> audit = new ArrayList<>();
    private boolean closed;

    @Override
    public synchronized Optional<String> setting(String name) {
        requireOpen();
        return Optional.ofNullable(settings.get(name));
    }

    @Override
    public synchronized String settingOrElse(String name, String initial) {
        requireOpen();
        return settings.computeIfAbsent(name, absent -> initial);
    }

    @Override
    public synchronized void putSetting(String name, String value) {
        requireOpen();
        settings.put(name, value);
    }

    @Override
    public synchronized Tenant tenantOf(Fingerprint fingerprint, UidAllocation uids, long now) {
        Optional<Tenant> known = findTenant(fingerprint);
        if (known.isPresent()) {
            return known.get();
        }
        TenantId id = new TenantId(fingerprint.value());
        if (tenants.containsKey(id)) {
            throw new CloisterException(
                    ErrorCode.UNAUTHENTICATED, "this credential was withdrawn; use the one that replaced it");
        }
        return insertTenant(id, "", fingerprint, uids, now);
    }

    @Override
    public synchronized Tenant addTenant(String name, Fingerprint fingerprint, UidAllocation uids, long now) {
        requireOpen();
        if (name.isBlank()) {
            throw CloisterException.invalid("a tenant needs a name that is not blank");
        }
        if (tenants.values().stream().anyMatch(tenant -> tenant.name().equals(name))) {
            throw conflict("a tenant of this name exists already; choose another name");
        }
        if (fingerprints.containsKey(fingerprint)) {
            throw conflict("this credential belongs to another tenant; use another one");
        }
        TenantId id = new TenantId(UUID.randomUUID().toString().replace("-", ""));
        return insertTenant(id, name, fingerprint, uids, now);
    }

    @Override
    public synchronized Optional<Tenant> findTenant(Fingerprint fingerprint) {
        requireOpen();
        return Optional.ofNullable(fingerprints.get(fingerprint)).map(tenants::get);
    }

    @Override
    public synchronized Optional<Tenant> tenant(TenantId id) {
        requireOpen();
        return Optional.ofNullable(tenants.get(id));
    }

    @Override
    public synchronized List<Tenant> tenants() {
        requireOpen();
        return tenants.values().stream()
                .sorted(Comparator.comparingLong(Tenant::createdAt)
                        .thenComparing(tenant -> tenant.id().value()))
                .toList();
    }

    @Override
    public synchronized long tenantCount() {
        requireOpen();
        return tenants.size();
    }

    @Override
    public synchronized void addFingerprint(TenantId tenant, Fingerprint fingerprint, long now) {
        requireTenant(tenant);
        TenantId owner = fingerprints.putIfAbsent(fingerprint, tenant);
        if (owner != null && !owner.equals(tenant)) {
            throw conflict("this credential belongs to another tenant; use another one");
        }
    }

    @Override
    public synchronized void keepOnlyFingerprint(TenantId tenant, Fingerprint fingerprint) {
        requireTenant(tenant);
        if (!tenant.equals(fingerprints.get(fingerprint))) {
            throw CloisterException.notFound("the tenant has no such credential; add it before the others are dropped");
        }
        fingerprints
                .entrySet()
                .removeIf(entry ->
                        entry.getValue().equals(tenant) && !entry.getKey().equals(fingerprint));
    }

    @Override
    public synchronized void setTenantEnabled(TenantId tenant, boolean enabled) {
        Tenant old = requireTenant(tenant);
        tenants.put(tenant, new Tenant(old.id(), old.name(), old.uid(), enabled, old.createdAt()));
    }

    @Override
    public synchronized Tenant giveUid(TenantId tenant, UidAllocation.Range uids) {
        Tenant old = requireTenant(tenant);
        Tenant changed = new Tenant(old.id(), old.name(), take(uids), old.enabled(), old.createdAt());
        tenants.put(tenant, changed);
        return changed;
    }

    @Override
    public synchronized void putHostCredential(TenantId tenant, Sealed credential) {
        requireTenant(tenant);
        hostCredentials.computeIfAbsent(tenant, absent -> new TreeMap<>()).put(credential.host(), credential);
    }

    @Override
    public synchronized List<Sealed> hostCredentials(TenantId tenant) {
        requireOpen();
        return List.copyOf(hostCredentials.getOrDefault(tenant, new TreeMap<>()).values());
    }

    @Override
    public synchronized boolean deleteHostCredential(TenantId tenant, String host) {
        requireOpen();
        return hostCredentials.getOrDefault(tenant, new TreeMap<>()).remove(host) != null;
    }

    @Override
    public synchronized boolean deleteTenant(TenantId tenant) {
        requireOpen();
        hostCredentials.remove(tenant);
        fingerprints.values().removeIf(tenant::equals);
        sessions.values().removeIf(session -> session.tenant().equals(tenant));
        events.keySet().retainAll(sessions.keySet());
        return tenants.remove(tenant) != null;
    }

    @Override
    public synchronized void insertSession(Session session) {
        requireTenant(session.tenant());
        if (sessions.putIfAbsent(session.id(), session) != null) {
            throw conflict("a session with this id exists already; leave session_id out to start a new one");
        }
    }

    @Override
    public synchronized Optional<Session> session(TenantId tenant, SessionId id) {
        requireOpen();
        return Optional.ofNullable(sessions.get(id))
                .filter(session -> session.tenant().equals(tenant));
    }

    @Override
    public synchronized List<Session> sessions(TenantId tenant, Optional<SessionId> after, int limit) {
        requireLimit(limit);
        Optional<Session> cursor = after.map(id -> session(tenant, id)
                .orElseThrow(
                        () -> CloisterException.notFound("no such session to continue behind; list from the start")));
        return sessions.values().stream()
                .filter(session -> session.tenant().equals(tenant))
                .filter(session -> cursor.isEmpty() || NEWEST_FIRST.compare(cursor.get(), session) < 0)
                .sorted(NEWEST_FIRST)
                .limit(limit)
                .toList();
    }

    @Override
    public synchronized Optional<Session> updateSession(TenantId tenant, SessionId id, UnaryOperator<Session> change) {
        Optional<Session> changed = session(tenant, id).map(change);
        changed.ifPresent(session -> {
            if (!session.id().equals(id) || !session.tenant().equals(tenant)) {
                throw new IllegalArgumentException("a session's id and tenant cannot be changed");
            }
            sessions.put(id, session);
        });
        return changed;
    }

    @Override
    public synchronized boolean deleteSession(TenantId tenant, SessionId id) {
        if (session(tenant, id).isEmpty()) {
            return false;
        }
        sessions.remove(id);
        events.remove(id);
        return true;
    }

    @Override
    public synchronized void appendEvents(List<SessionEvent> batch, int keepPerSession) {
        requireLimit(keepPerSession);
        Map<SessionId, TreeMap<Long, SessionEvent>> appended = new HashMap<>();
        for (SessionEvent event : batch) {
            if (sessions.containsKey(event.session())) {
                TreeMap<Long, SessionEvent> own = appended.computeIfAbsent(
                        event.session(), id -> new TreeMap<>(events.getOrDefault(id, new TreeMap<>())));
                if (own.putIfAbsent(event.seq(), event) != null) {
                    throw conflict("the session has an event of this number already");
                }
            }
        }
        appended.values()
                .forEach(
                        own -> own.headMap(own.lastKey() - keepPerSession, true).clear());
        events.putAll(appended);
    }

    @Override
    public synchronized List<SessionEvent> events(SessionId session, long after, int limit) {
        requireLimit(limit);
        return events.getOrDefault(session, new TreeMap<>()).tailMap(after, false).values().stream()
                .limit(limit)
                .toList();
    }

    @Override
    public synchronized long lastEvent(SessionId session) {
        requireOpen();
        TreeMap<Long, SessionEvent> own = events.getOrDefault(session, new TreeMap<>());
        return own.isEmpty() ? 0 : own.lastKey();
    }

    @Override
    public synchronized void addUsage(UsageRecord record) {
        requireOpen();
        usage.add(record);
    }

    @Override
    public synchronized List<UsageTotals> usage(TenantId tenant, long from, long to) {
        requireOpen();
        TreeMap<String, UsageTotals> totals = new TreeMap<>();
        usage.stream()
                .filter(record -> record.tenant().equals(tenant) && from <= record.at() && record.at() < to)
                .map(record -> new UsageTotals(
                        record.model(),
                        1,
                        record.inputTokens(),
                        record.outputTokens(),
                        record.cacheWriteTokens(),
                        record.cacheReadTokens(),
                        record.costMicros()))
                .forEach(one -> totals.merge(one.model(), one, InMemoryStore::sum));
        return List.copyOf(totals.values());
    }

    @Override
    public synchronized void addSandboxUsage(TenantId tenant, SandboxUsage used) {
        requireOpen();
        sandboxUsage.merge(tenant, used, SandboxUsage::plus);
    }

    @Override
    public synchronized SandboxUsage sandboxUsage(TenantId tenant) {
        requireOpen();
        return sandboxUsage.getOrDefault(tenant, SandboxUsage.NONE);
    }

    @Override
    public synchronized List<AuditEntry> appendAudit(Function<Optional<AuditEntry>, List<AuditEntry>> next) {
        List<AuditEntry> entries = next.apply(lastAudit());
        long expected = audit.size();
        for (AuditEntry entry : entries) {
            if (entry.seq() != ++expected) {
                throw new IllegalArgumentException("audit entry " + entry.seq() + " is not the expected " + expected);
            }
        }
        audit.addAll(entries);
        return entries;
    }

    @Override
    public synchronized List<AuditEntry> audit(long after, int limit) {
        requireLimit(limit);
        return audit.stream().filter(entry -> entry.seq() > after).limit(limit).toList();
    }

    @Override
    public synchronized Optional<AuditEntry> lastAudit() {
        requireOpen();
        return audit.isEmpty() ? Optional.empty() : Optional.of(audit.getLast());
    }

    /** Lets a test change what no store lets anybody change. */
    public synchronized void tamperWithAudit(UnaryOperator<List<AuditEntry>> change) {
        List<AuditEntry> changed = change.apply(List.copyOf(audit));
        audit.clear();
        audit.addAll(changed);
    }

    @Override
    public synchronized void close() {
        closed = true;
    }

    private Tenant insertTenant(TenantId id, String name, Fingerprint fingerprint, UidAllocation uids, long now) {
        Tenant tenant = new Tenant(id, name, take(uids), true, now);
        tenants.put(id, tenant);
        fingerprints.put(fingerprint, id);
        return tenant;
    }

    private long take(UidAllocation uids) {
        long uid = switch (uids) {
            case UidAllocation.Shared shared -> shared.uid();
            case UidAllocation.Range range -> nextUnused(range);
        };
        usedUids.add(uid);
        return uid;
    }

    private long nextUnused(UidAllocation.Range range) {
        Long highest = usedUids.floor(range.last());
        long next = highest == null || highest < range.first() ? range.first() : highest + 1;
        if (next > range.last()) {
            next = range.first();
            while (usedUids.contains(next)) {
                next++;
            }
        }
        if (next > range.last()) {
            throw new CloisterException(
                    ErrorCode.OVERLOADED, "no uid is left for a new tenant; the operator has to widen the uid range");
        }
        return next;
    }

    private Tenant requireTenant(TenantId id) {
        return tenant(id)
                .orElseThrow(() -> CloisterException.notFound("no tenant has the id " + id + "; list the tenants"));
    }

    private void requireLimit(int limit) {
        requireOpen();
        if (limit < 1) {
            throw new IllegalArgumentException("a limit must be 1 or more: " + limit);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new CloisterException(ErrorCode.NOT_READY, "the store is closed: the server is stopping; try again");
        }
    }

    private static CloisterException conflict(String message) {
        return new CloisterException(ErrorCode.CONFLICT, message);
    }

    private static UsageTotals sum(UsageTotals left, UsageTotals right) {
        return new UsageTotals(
                left.model(),
                left.calls() + right.calls(),
                left.inputTokens() + right.inputTokens(),
                left.outputTokens() + right.outputTokens(),
                left.cacheWriteTokens() + right.cacheWriteTokens(),
                left.cacheReadTokens() + right.cacheReadTokens(),
                left.costMicros() + right.costMicros());
    }
}
