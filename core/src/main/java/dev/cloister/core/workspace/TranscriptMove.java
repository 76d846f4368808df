package dev.cloister.core.workspace;

/** What became of one tenant's transcripts, or would become of them. */
public sealed interface TranscriptMove {
    /** There are none, or they are where they belong. */
    record Nothing() implements TranscriptMove {}

    /** The directory has its new name. */
    record Renamed() implements TranscriptMove {}

    /**
     * Both directories were there, and now are one.
     *
     * @param files what was moved
     * @param clashes of how many both had one of the same name: the newer kept the name, the older stands beside it
     * @param left what could not be moved and stays where it was
     */
    record Merged(long files, long clashes, long left) implements TranscriptMove {}

    /**
     * Something stands in the way that only the tenant can have put there.
     *
     * @param why one phrase without any name that the tenant chose
     */
    record Skipped(String why) implements TranscriptMove {}
}
