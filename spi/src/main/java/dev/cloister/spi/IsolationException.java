package dev.cloister.spi;

/** A layer of isolation could not be applied. Nothing was started. */
public final class IsolationException extends RuntimeException {
    private final Finding finding;

    public IsolationException(Finding finding) {
        super(finding.toString());
        this.finding = finding;
    }

    public IsolationException(Finding finding, Throwable cause) {
        super(finding.toString(), cause);
        this.finding = finding;
    }

    public Finding finding() {
        return finding;
    }
}
