package dev.cloister.core.broker;

import dev.cloister.core.session.SessionId;
import dev.cloister.core.tenant.TenantId;

/** Whose socket it is. */
public record BrokerSession(TenantId tenant, SessionId session) {}
