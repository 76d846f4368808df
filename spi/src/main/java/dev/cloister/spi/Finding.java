package dev.cloister.spi;

/**
 * Something about the host that an operator should know.
 *
 * @param what what is missing or wrong, one sentence
 * @param why what was tried and what came back
 * @param remedy what to do about it, a command where there is one
 */
public record Finding(String what, String why, String remedy) {
    @Override
    public String toString() {
        return what + " (" + why + "). " + remedy;
    }
}
