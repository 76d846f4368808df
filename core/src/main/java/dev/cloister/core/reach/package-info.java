/** What may be reached of the network: hosts in their one spelling, rules, and the policy made of them. Pure. */
@NullMarked
package dev.cloister.core.reach;

import org.jspecify.annotations.NullMarked;
