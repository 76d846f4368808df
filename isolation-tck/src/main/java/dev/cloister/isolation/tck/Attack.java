package dev.cloister.isolation.tck;

import dev.cloister.spi.Guarantee;

/**
 * One attempt on one promise.
 *
 * @param id a name that stays, such as {@code proc-environ}
 * @param guarantee what it tries to break
 * @param sign what is there to be seen if it got through
 * @param byRootOnly whether nobody but root could get through even without a wall: an ordinary user's server has no control
 */
public record Attack(
        String id, Family family, Guarantee guarantee, Vantage vantage, Means means, Sign sign, boolean byRootOnly) {
    @Override
    public String toString() {
        return id;
    }
}
