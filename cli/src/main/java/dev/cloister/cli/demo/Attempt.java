package dev.cloister.cli.demo;

/**
 * One row of the story's table.
 *
 * @param who who tried
 * @param what what was tried
 * @param cameBack what came back, shortened
 * @param asItShould whether that is what must come back
 */
record Attempt(String who, String what, String cameBack, boolean asItShould) {}
