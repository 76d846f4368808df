package dev.cloister.core.broker;

import dev.cloister.core.usage.UsageRecord;

/** Where what a model call used is kept. Called once per call, on the thread that served it. */
@FunctionalInterface
public interface UsageSink {
    void used(UsageRecord record);
}
