package dev.cloister.store;

import dev.cloister.core.audit.AuditEntry;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.sandbox.SandboxUsage;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.store.Store;
import dev.cloister.core.tenant.Fingerprint;
import dev.cloister.core.tenant.Tenant;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.core.tenant.UidAllocation;
import dev.cloister.core.usage.UsageRecord;
import dev.cloister.core.usage.UsageTotals;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Handle;

/**
 * The store on one SQLite file in WAL mode, readable by its owner only.
 *
 * <p>Writes run one at a time, over all processes that have the file open; reads run beside them. Every commit is on the
 * disk when its method returns, but for events, of which a loss of power may take the last. A call that another process keeps waiting for ten seconds is OVERLOADED. No exception
 * holds a value that was stored.
 */
public final class SqliteStore implements Store {
    private final SqliteDatabase database;
    private final SecureRandom random = new SecureRandom();

    private SqliteStore(SqliteDatabase database) {
        this.database = database;
    }

    /**
     * Opens a database, makes it if there is none, and brings it to the schema of this version. The caller owns the store.
     *
     * @throws CloisterException INTERNAL if the file is open to others than its owner, is damaged, or was written by a
     *     newer version
     */
    public static SqliteStore open(Path file) {
        return open(file, Migration.all(), Clock.systemUTC());
    }

    static SqliteStore open(Path file, List<Migration> migrations, Clock clock) {
        SqliteDatabase database = SqliteDatabase.open(file);
        try {
            new Migrations(database, migrations, clock).apply();
            return new SqliteStore(database);
        } catch (CloisterException refused) {
            database.close();
            throw refused;
        }
    }

    @Override
    public Optional<String> setting(String name) {
        return database.query(handle -> SettingRows.find(handle, name));
    }

    @Override
    public String settingOrElse(String name, String initial) {
        return setting(name).orElseGet(() -> database.write(handle -> SettingRows.setIfAbsent(handle, name, initial)));
    }

    @Override
    public void putSetting(String name, String value) {
        change(handle -> SettingRows.put(handle, name, value));
    }

    @Override
    public Tenant tenantOf(Fingerprint fingerprint, UidAllocation uids, long now) {
        return findTenant(fingerprint)
                .orElseGet(() -> database.write(handle -> TenantRows.admit(handle, fingerprint, uids, now)));
    }

    @Override
    public Tenant addTenant(String name, Fingerprint fingerprint, UidAllocation uids, long now) {
        return database.write(handle -> TenantRows.add(handle, randomTenantId(), name, fingerprint, uids, now));
    }

    @Override
    public Optional<Tenant> findTenant(Fingerprint fingerprint) {
        return database.query(handle -> TenantRows.find(handle, fingerprint));
    }

    @Override
    public Optional<Tenant> tenant(TenantId id) {
        return database.query(handle -> TenantRows.find(handle, id));
    }

    @Override
    public List<Tenant> tenants() {
        return database.query(TenantRows::all);
    }

    @Override
    public long tenantCount() {
        return database.query(TenantRows::count);
    }

    @Override
    public void addFingerprint(TenantId tenant, Fingerprint fingerprint, long now) {
        change(handle -> TenantRows.addFingerprint(handle, tenant, fingerprint, now));
    }

    @Override
    public void keepOnlyFingerprint(TenantId tenant, Fingerprint fingerprint) {
        change(handle -> TenantRows.keepOnlyFingerprint(handle, tenant, fingerprint));
    }

    @Override
    public void setTenantEnabled(TenantId tenant, boolean enabled) {
        change(handle -> TenantRows.setEnabled(handle, tenant, enabled));
    }

    @Override
    public Tenant giveUid(TenantId tenant, UidAllocation.Range uids) {
        return database.write(handle -> TenantRows.giveUid(handle, tenant, uids));
    }

    @Override
    public boolean deleteTenant(TenantId tenant) {
        return database.write(handle -> TenantRows.delete(handle, tenant));
    }

    @Override
    public void insertSession(Session session) {
        change(handle -> SessionRows.insert(handle, session));
    }

    @Override
    public Optional<Session> session(TenantId tenant, SessionId id) {
        return database.query(handle -> SessionRows.find(handle, tenant, id));
    }

    @Override
    public List<Session> sessions(TenantId tenant, Optional<SessionId> after, int limit) {
        requirePositive(limit);
        return database.query(handle -> SessionRows.page(handle, tenant, after, limit));
    }

    @Override
    public Optional<Session> updateSession(TenantId tenant, SessionId id, UnaryOperator<Session> change) {
        return database.write(handle -> SessionRows.update(handle, tenant, id, change));
    }

    @Override
    public boolean deleteSession(TenantId tenant, SessionId id) {
        return database.write(handle -> SessionRows.delete(handle, tenant, id));
    }

    @Override
    public void appendEvents(List<SessionEvent> events, int keepPerSession) {
        requirePositive(keepPerSession);
        if (!events.isEmpty()) {
            // A turn writes many small batches; what a loss of power takes from their end, it takes from the turn too.
            database.writeWithoutWaiting(handle -> {
                EventRows.append(handle, events, keepPerSession);
                return true;
            });
        }
    }

    @Override
    public List<SessionEvent> events(SessionId session, long after, int limit) {
        requirePositive(limit);
        return database.query(handle -> EventRows.page(handle, session, after, limit));
    }

    @Override
    public long lastEvent(SessionId session) {
        return database.query(handle -> EventRows.last(handle, session));
    }

    @Override
    public void addUsage(UsageRecord usage) {
        change(handle -> UsageRows.insert(handle, usage));
    }

    @Override
    public List<UsageTotals> usage(TenantId tenant, long from, long to) {
        return database.query(handle -> UsageRows.totals(handle, tenant, from, to));
    }

    @Override
    public void addSandboxUsage(TenantId tenant, SandboxUsage usage) {
        // One for every command, and everything else that is written would wait behind it for the disk.
        database.writeWithoutWaiting(handle -> {
            SandboxUsageRows.add(handle, tenant, usage);
            return true;
        });
    }

    @Override
    public SandboxUsage sandboxUsage(TenantId tenant) {
        return database.query(handle -> SandboxUsageRows.find(handle, tenant));
    }

    @Override
    public void putHostCredential(TenantId tenant, Sealed credential) {
        change(handle -> HostCredentialRows.put(handle, tenant, credential));
    }

    @Override
    public List<Sealed> hostCredentials(TenantId tenant) {
        return database.query(handle -> HostCredentialRows.of(handle, tenant));
    }

    @Override
    public boolean deleteHostCredential(TenantId tenant, String host) {
        return database.write(handle -> HostCredentialRows.delete(handle, tenant, host));
    }

    @Override
    public List<AuditEntry> appendAudit(Function<Optional<AuditEntry>, List<AuditEntry>> next) {
        return database.write(handle -> AuditRows.append(handle, next));
    }

    @Override
    public List<AuditEntry> audit(long after, int limit) {
        requirePositive(limit);
        return database.query(handle -> AuditRows.page(handle, after, limit));
    }

    @Override
    public Optional<AuditEntry> lastAudit() {
        return database.query(AuditRows::last);
    }

    @Override
    public void close() {
        database.close();
    }

    private void change(Consumer<Handle> work) {
        database.write(handle -> {
            work.accept(handle);
            return true;
        });
    }

    private TenantId randomTenantId() {
        byte[] bits = new byte[16];
        random.nextBytes(bits);
        return new TenantId(HexFormat.of().formatHex(bits));
    }

    private static void requirePositive(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("a limit must be 1 or more: " + limit);
        }
    }
}
