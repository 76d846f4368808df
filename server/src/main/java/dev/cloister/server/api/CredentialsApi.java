package dev.cloister.server.api;

import dev.cloister.core.egress.HostCredentials;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.HostCredential;
import dev.cloister.core.tenant.TenantId;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.Replies;
import io.javalin.http.Context;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code /v1/credentials}: what the proxy adds to the caller's requests for hosts. No answer has a value in it. Thread-safe. */
final class CredentialsApi {
    private final Authentication authentication;
    private final Bodies bodies;
    private final JsonMapper mapper;
    private final HostCredentials credentials;

    CredentialsApi(Authentication authentication, Bodies bodies, JsonMapper mapper, HostCredentials credentials) {
        this.authentication = authentication;
        this.bodies = bodies;
        this.mapper = mapper;
        this.credentials = credentials;
    }

    void list(Context context) {
        TenantId tenant = authentication.principal(context).tenant().id();
        ObjectNode body = mapper.createObjectNode();
        ArrayNode data = body.putArray("data");
        credentials
                .list(tenant)
                .forEach(kept -> data.addObject().put("host", kept.host()).put("created_at", kept.since()));
        Replies.json(context, 200, body);
    }

    void put(Context context) {
        TenantId tenant = authentication.principal(context).tenant().id();
        ObjectNode body = bodies.object(context.req(), "");
        Fields.onlyKnown(body, "", Set.of("authorization"));
        String value = Fields.text(body, "authorization", HostCredential.LONGEST_VALUE)
                .orElseThrow(() -> CloisterException.invalid("authorization is missing"));
        credentials.put(tenant, context.pathParam("host"), value);
        Replies.empty(context, 204);
    }

    void delete(Context context) {
        TenantId tenant = authentication.principal(context).tenant().id();
        credentials.delete(tenant, context.pathParam("host"));
        Replies.empty(context, 204);
    }
}
