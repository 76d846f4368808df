package dev.cloister.core.tenant;

import dev.cloister.core.upstream.Credential;

/** An authenticated caller, and the credential its model calls are to be made with. */
public record Principal(Tenant tenant, Credential upstreamCredential) {}
