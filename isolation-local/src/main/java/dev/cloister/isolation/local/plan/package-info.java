/** The modes as pure functions, from what a sandbox and a process are to be to the plan of a launch. */
@NullMarked
package dev.cloister.isolation.local.plan;

import org.jspecify.annotations.NullMarked;
