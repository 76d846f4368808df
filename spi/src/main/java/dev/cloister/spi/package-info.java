/**
 * What an isolation mode must offer. Third parties implement this package; it depends on nothing but JSpecify.
 *
 * <p>Blocking calls may be made from any thread. No method accepts or returns {@code null}.
 */
@NullMarked
package dev.cloister.spi;

import org.jspecify.annotations.NullMarked;
