package dev.cloister.core.store;

import dev.cloister.core.audit.AuditStore;
import dev.cloister.core.egress.HostCredentialStore;
import dev.cloister.core.session.SessionStore;
import dev.cloister.core.tenant.TenantStore;
import dev.cloister.core.usage.UsageStore;
import java.util.Optional;

/**
 * What must survive a restart. Thread-safe; usable by several processes at once. Every method is one transaction and
 * durable against the death of the process when it returns; all but events also against a loss of power.
 *
 * <p>A limit is 1 or more. A tenant that does not exist is NOT_FOUND where a method would change it. Functions given to a
 * method run inside its transaction and must not call the store. After {@link #close} every method is NOT_READY.
 */
public interface Store extends TenantStore, SessionStore, UsageStore, AuditStore, HostCredentialStore, AutoCloseable {
    /** A value of the installation, such as the uid range drawn at first start. */
    Optional<String> setting(String name);

    /** Sets it if it is not set yet; returns what it is afterwards. */
    String settingOrElse(String name, String initial);

    /** Sets it, whatever it was. */
    void putSetting(String name, String value);

    @Override
    void close();
}
