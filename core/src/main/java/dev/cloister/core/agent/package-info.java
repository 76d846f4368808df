/** The agent's command-line program: how it is started, spoken to and understood. */
@NullMarked
package dev.cloister.core.agent;

import org.jspecify.annotations.NullMarked;
