package dev.cloister.cli.bench;

/**
 * What users do, all alike.
 *
 * @param users 1 or more
 * @param requestsPerDay of each user
 * @param activeSeconds how long a user's agent is there for a request: while it answers, and while it is kept afterwards
 * @param readyHours of a day in which the mode keeps something for a user, at work or at rest
 * @param diskGib of each user
 */
public record Workload(long users, double requestsPerDay, double activeSeconds, double readyHours, double diskGib) {
    static final int DAYS = 30;

    private static final double SECONDS_PER_HOUR = 3600;

    /** In a month, of all. */
    double requests() {
        return users * requestsPerDay * DAYS;
    }

    /** In a month, of all. */
    double activeHours() {
        return requests() * activeSeconds / SECONDS_PER_HOUR;
    }

    /** Of a day and of one user. */
    public double activeHoursPerDay() {
        return requestsPerDay * activeSeconds / SECONDS_PER_HOUR;
    }

    /** In a month, of all. */
    double readyHoursOfAll() {
        return users * readyHours * DAYS;
    }
}
