package dev.cloister.core.session;

/**
 * What a client says about a session it creates. Each is empty if nothing was said.
 *
 * @param title for people
 * @param model the model of its turns unless a turn names another
 * @param system the system prompt
 */
public record NewSession(String title, String model, String system) {}
