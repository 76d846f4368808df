package dev.cloister.isolation.tck;

/** An attack was not made as it was meant: whoever was to make it did not begin, or not come to an end. It proves nothing. */
public final class UnfinishedException extends Exception {
    private static final long serialVersionUID = 1;

    /** @param why for the report */
    public UnfinishedException(String why) {
        super(why);
    }
}
