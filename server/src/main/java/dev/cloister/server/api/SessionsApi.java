package dev.cloister.server.api;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.core.session.EventFeed;
import dev.cloister.core.session.NewSession;
import dev.cloister.core.session.Session;
import dev.cloister.core.session.SessionEvent;
import dev.cloister.core.session.SessionId;
import dev.cloister.core.session.Sessions;
import dev.cloister.core.tenant.Principal;
import dev.cloister.core.turn.Turns;
import dev.cloister.server.net.Exchange;
import dev.cloister.server.wire.Addresses;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.EventStream;
import dev.cloister.server.wire.Replies;
import io.javalin.http.Context;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code /v1/sessions}. Thread-safe. */
final class SessionsApi {
    private static final int PAGE = 20;
    private static final int MAX_PAGE = 1000;
    private static final int MAX_TITLE = 500;
    private static final int MAX_MODEL = 256;

    private final Authentication authentication;
    private final Bodies bodies;
    private final JsonMapper mapper;
    private final Sessions sessions;
    private final Turns turns;
    private final long maxPrompt;
    private final Duration heartbeat;
    private final BooleanSupplier stopping;

    SessionsApi(
            Authentication authentication,
            Bodies bodies,
            JsonMapper mapper,
            Sessions sessions,
            Turns turns,
            long maxPrompt,
            Duration heartbeat,
            BooleanSupplier stopping) {
        this.authentication = authentication;
        this.bodies = bodies;
        this.mapper = mapper;
        this.sessions = sessions;
        this.turns = turns;
        this.maxPrompt = maxPrompt;
        this.heartbeat = heartbeat;
        this.stopping = stopping;
    }

    void create(Context context) {
        Principal principal = authentication.principal(context);
        ObjectNode body = bodies.optionalObject(context.req()).orElseGet(mapper::createObjectNode);
        Fields.onlyKnown(body, "", Set.of("title", "model", "system"));
        NewSession request = new NewSession(
                Fields.text(body, "title", MAX_TITLE).orElse(""),
                Fields.text(body, "model", MAX_MODEL).orElse(""),
                Fields.text(body, "system", (int) Math.min(maxPrompt, Integer.MAX_VALUE))
                        .orElse(""));
        Replies.json(context, 201, json(sessions.create(principal, request)));
    }

    void list(Context context) {
        Principal principal = authentication.principal(context);
        int limit = (int) Addresses.number(context.req(), "limit", PAGE, 1, MAX_PAGE);
        Optional<SessionId> after = Addresses.query(context.req(), "after").map(SessionId::parse);
        List<Session> found = sessions.list(principal.tenant().id(), after, limit + 1);
        ObjectNode body = mapper.createObjectNode();
        ArrayNode data = body.putArray("data");
        found.stream().limit(limit).map(this::json).forEach(data::add);
        body.put("has_more", found.size() > limit);
        Replies.json(context, 200, body);
    }

    void get(Context context) {
        Principal principal = authentication.principal(context);
        Replies.json(context, 200, json(sessions.get(principal.tenant().id(), id(context))));
    }

    void delete(Context context) {
        Principal principal = authentication.principal(context);
        sessions.delete(principal.tenant().id(), id(context));
        Replies.empty(context, 204);
    }

    void fork(Context context) {
        Principal principal = authentication.principal(context);
        Replies.json(context, 201, json(sessions.fork(principal, id(context))));
    }

    void interrupt(Context context) {
        Principal principal = authentication.principal(context);
        SessionId id = sessions.get(principal.tenant().id(), id(context)).id();
        boolean interrupted = turns.interrupt(principal.tenant().id(), id);
        Replies.json(context, 200, mapper.createObjectNode().put("interrupted", interrupted));
    }

    void events(Context context) {
        Principal principal = authentication.principal(context);
        SessionId id = id(context);
        boolean follow = Addresses.flag(context.req(), "follow", true);
        try (EventFeed feed = sessions.events(principal.tenant().id(), id, after(context))) {
            EventStream stream = new EventStream(context, heartbeat);
            stream.commit();
            if (context.req().getMethod().equals("HEAD")) {
                return;
            }
            try {
                send(
                        feed,
                        stream,
                        follow,
                        new Patience(Exchange.of(context.req()).connection(), stopping));
            } catch (CloisterException e) {
                if (e.code() == ErrorCode.CLIENT_GONE) {
                    throw e;
                }
                stream.error(e);
            }
        } catch (InterruptedException _) {
            throw Patience.interrupted();
        }
    }

    private static void send(EventFeed feed, EventStream stream, boolean follow, Patience patience)
            throws InterruptedException {
        while (true) {
            patience.check();
            Optional<SessionEvent> event = feed.poll(follow ? Patience.STEP : Duration.ZERO);
            if (event.isPresent()) {
                stream.event(event.get());
            } else if (follow) {
                stream.beat();
            } else {
                return;
            }
        }
    }

    /** A browser's EventSource repeats the address it was given, so what it adds as a header is newer. */
    private static long after(Context context) {
        String header = context.req().getHeader("Last-Event-ID");
        return header == null || header.isBlank()
                ? Addresses.number(context.req(), "after", 0, 0, Long.MAX_VALUE)
                : Addresses.number("last-event-id", header.strip(), 0, Long.MAX_VALUE);
    }

    private static SessionId id(Context context) {
        return SessionId.parse(context.pathParam("id"));
    }

    private ObjectNode json(Session session) {
        ObjectNode node = mapper.createObjectNode();
        node.put("id", session.id().toString()).put("type", "session");
        node.put("title", session.title()).put("model", session.model()).put("system", session.system());
        node.put("forked_from", session.forkedFrom().map(SessionId::toString).orElse(null));
        node.put("turns", session.turns());
        node.put("created_at", session.createdAt()).put("updated_at", session.updatedAt());
        return node;
    }
}
