package dev.cloister.spi;

/** One checkable promise. A mode holds a set of them on a given host; what it does not hold, Cloister never claims. */
public enum Guarantee {
    FILES_OF_OTHERS_UNREADABLE("no process of a tenant can read a file of another tenant"),
    FILES_OF_OTHERS_UNWRITABLE("no process of a tenant can change, create or delete a file of another tenant"),
    ENVIRONMENT_OF_OTHERS_UNREADABLE("no process of a tenant can read the environment or memory of another tenant's"),
    PROCESSES_OF_OTHERS_UNTOUCHABLE("no process of a tenant can signal or trace a process of another tenant"),
    PROCESSES_OF_OTHERS_INVISIBLE("no process of a tenant can see that processes of another tenant exist"),
    SERVER_STATE_UNREADABLE("no process of a tenant can read the server's database, keys, audit log or environment"),
    CREDENTIAL_NEVER_INSIDE("the credential for the model's upstream is never inside a sandbox"),
    PRIVILEGES_NOT_GAINABLE("no process of a tenant can gain privileges: no_new_privs, no capabilities"),
    PROCESSES_END_WITH_TURN("when a turn or command ends, no process that it started is left"),
    PROCESSES_END_WITH_SERVER("when the server dies, no process of any sandbox is left"),
    WORKSPACE_CODE_NOT_RUN(
            "opening a workspace runs no code that the workspace brings: hooks, MCP servers, git configuration"),
    TOOL_POLICY_ENFORCED("the agent's tool rules are those of the policy, read back before the first turn"),
    NETWORK_CLOSED(
            "no process of a tenant can reach any network address, but the broker, and what the operator opened by egress rules"),
    RESOURCES_BOUNDED("memory, processor and process count of a tenant are bounded");

    private final String promise;

    Guarantee(String promise) {
        this.promise = promise;
    }

    /** The promise as one sentence for people. */
    public String promise() {
        return promise;
    }
}
