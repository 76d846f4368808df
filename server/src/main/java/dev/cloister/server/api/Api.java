package dev.cloister.server.api;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.CloisterConfig.Limits;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import dev.cloister.server.net.Exchange;
import dev.cloister.server.wire.Bodies;
import dev.cloister.server.wire.Json;
import dev.cloister.server.wire.Replies;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.MethodNotAllowedResponse;
import io.javalin.router.Endpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All routes, and what happens to requests that match none or fail. Thread-safe once registered. */
public final class Api {
    private static final Logger LOG = LoggerFactory.getLogger(Api.class);
    private final List<Route> routes = new ArrayList<>();

    /** @param stopping true once the server is to end what still runs */
    public Api(Collaborators with, BooleanSupplier stopping) {
        CloisterConfig config = with.config();
        Limits limits = config.limits();
        Json json = new Json(limits.jsonDepth());
        Bodies bodies = new Bodies(json, limits.body());
        Authentication authentication = new Authentication(with.authenticator());
        MessagesApi messages = new MessagesApi(
                authentication,
                bodies,
                new MessageParser(json.mapper(), limits.prompt()),
                with.turns(),
                config.http().heartbeat(),
                stopping);
        SessionsApi sessions = new SessionsApi(
                authentication,
                bodies,
                json.mapper(),
                with.sessions(),
                with.turns(),
                limits.prompt(),
                config.http().heartbeat(),
                stopping);
        WorkspacePaths paths = new WorkspacePaths(with.violations(), limits.path());
        FilesApi files = new FilesApi(authentication, json.mapper(), with.workspaces(), paths, limits.file());
        ExecApi exec = new ExecApi(
                authentication,
                bodies,
                json.mapper(),
                new ExecParser(paths, limits.execTimeout()),
                with.execs(),
                limits.execOutput(),
                config.http().heartbeat(),
                stopping);
        UsageApi usage = new UsageApi(authentication, json.mapper(), with.usage());
        CredentialsApi credentials = new CredentialsApi(authentication, bodies, json.mapper(), with.credentials());
        OperationsApi operations = new OperationsApi(
                json.mapper(),
                with.readiness(),
                with.guarantees(),
                with.meters(),
                config.http().openMetrics());

        add(HandlerType.POST, "/v1/messages", messages::create);
        add(HandlerType.POST, "/v1/sessions", sessions::create);
        add(HandlerType.GET, "/v1/sessions", sessions::list);
        add(HandlerType.GET, "/v1/sessions/{id}", sessions::get);
        add(HandlerType.DELETE, "/v1/sessions/{id}", sessions::delete);
        add(HandlerType.GET, "/v1/sessions/{id}/events", sessions::events);
        add(HandlerType.POST, "/v1/sessions/{id}/interrupt", sessions::interrupt);
        add(HandlerType.POST, "/v1/sessions/{id}/fork", sessions::fork);
        addFiles(HandlerType.GET, files::get);
        addFiles(HandlerType.PUT, files::put);
        addFiles(HandlerType.DELETE, files::delete);
        add(HandlerType.POST, "/v1/exec", exec::run);
        add(HandlerType.GET, "/v1/credentials", credentials::list);
        add(HandlerType.PUT, "/v1/credentials/{host}", credentials::put);
        add(HandlerType.DELETE, "/v1/credentials/{host}", credentials::delete);
        add(HandlerType.GET, "/v1/usage", usage::get);
        add(HandlerType.GET, "/v1/guarantees", context -> {
            authentication.principal(context);
            operations.guarantees(context);
        });
        add(HandlerType.GET, "/healthz", operations::health);
        add(HandlerType.GET, "/readyz", operations::ready);
        add(HandlerType.GET, "/metrics", operations::metrics);
        add(HandlerType.GET, "/openapi.json", operations::openApi);
    }

    private void add(HandlerType method, String template, Handler handler) {
        routes.add(new Route(method, template, List.of(template), handler));
    }

    /** The router must not decode this path: what decides about files is decoded once, in one place. */
    private void addFiles(HandlerType method, Handler handler) {
        routes.add(new Route(method, FilesApi.PREFIX, List.of(FilesApi.PREFIX), handler));
        routes.add(new Route(method, FilesApi.PREFIX + "/{path}", List.of(FilesApi.PREFIX + "/*"), handler));
    }

    /** Every address with its methods, as documented. HEAD goes with every GET. */
    public Map<String, Set<String>> addresses() {
        Map<String, Set<String>> addresses = new TreeMap<>(Map.of(PortsApi.TEMPLATE, PortsApi.METHODS));
        for (Route route : routes) {
            addresses
                    .computeIfAbsent(route.template(), _ -> new TreeSet<>())
                    .add(route.method().name());
        }
        return addresses;
    }

    /** Registers everything with the router. Call once. */
    public void register(RoutesConfig router) {
        for (Route route : routes) {
            for (String pattern : route.patterns()) {
                router.addEndpoint(Endpoint.create(route.method(), pattern).handler(named(route)));
                if (route.method().equals(HandlerType.GET)) {
                    router.addEndpoint(
                            Endpoint.create(HandlerType.HEAD, pattern).handler(named(route)));
                }
            }
        }
        router.exception(CloisterException.class, Api::refused);
        router.exception(MethodNotAllowedResponse.class, Api::notAllowed);
        router.exception(HttpResponseException.class, (_, context) -> unknown(context));
        router.exception(Exception.class, Api::failed);
    }

    private static Handler named(Route route) {
        return context -> {
            Exchange.of(context.req()).route(route.template());
            route.handler().handle(context);
        };
    }

    private static void notAllowed(MethodNotAllowedResponse failure, Context context) {
        String allow = failure.getDetails().values().stream()
                .flatMap(methods -> Stream.of(methods.split(", ", -1)))
                .sorted()
                .collect(Collectors.joining(", "));
        context.res().setHeader("Allow", allow);
        Replies.error(
                context,
                new CloisterException(
                        ErrorCode.METHOD_NOT_ALLOWED, "this address does not take that method; it takes " + allow));
    }

    private static void unknown(Context context) {
        Replies.error(context, CloisterException.notFound("there is no such address; see /openapi.json"));
    }

    /** Messages that can quote the caller or its agent are for the caller, and are not logged. */
    private static void refused(CloisterException failure, Context context) {
        switch (failure.code().family()) {
            case CALLER, CAPACITY -> LOG.debug("refused: {}", failure.code());
            case UPSTREAM -> LOG.info("the upstream failed: {}", failure.code());
            case INTERNAL -> {
                if (failure.code() == ErrorCode.AGENT_FAILED) {
                    LOG.warn("the agent failed, as seen by {}", failure.getStackTrace()[0]);
                } else {
                    LOG.warn("the request failed", failure);
                }
            }
        }
        Replies.error(context, failure);
    }

    private static void failed(Exception failure, Context context) {
        LOG.error("the request failed unexpectedly", failure);
        Replies.error(
                context,
                new CloisterException(
                        ErrorCode.INTERNAL,
                        "the server failed; its log names the cause under the request id",
                        failure));
    }
}
