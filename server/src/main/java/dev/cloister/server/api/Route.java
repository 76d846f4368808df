package dev.cloister.server.api;

import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import java.util.List;

/**
 * One address and what can be done with it.
 *
 * @param template as documented, such as {@code /v1/files/{path}}
 * @param patterns as the router knows it
 */
record Route(HandlerType method, String template, List<String> patterns, Handler handler) {}
