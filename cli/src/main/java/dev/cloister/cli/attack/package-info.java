/** The attack corpus on this host, with throw-away tenants. */
@NullMarked
package dev.cloister.cli.attack;

import org.jspecify.annotations.NullMarked;
