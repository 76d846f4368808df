package dev.cloister.core.workspace;

import java.nio.file.Path;

/** Why a tenant's files cannot be served as they are kept, and what to do, as a sentence for caller and operator. Pure. */
final class Elsewhere {
    private static final String TAKE_OUT = " To serve them in this mode, take them out there first, those of work with"
            + " GET /v1/files?format=tar and what HOME holds by POST /v1/exec, then remove that file";

    private Elsewhere() {}

    static String inDisk(Path disk) {
        return "the files of this workspace are in " + disk + ", the disk of a virtual machine, which only mode microvm"
                + " serves: start the server with --isolation microvm." + TAKE_OUT;
    }

    static String inImage(Path image) {
        return "the files of this workspace are in " + image
                + ", an image made for workspace.quota, which this isolation"
                + " mode does not serve: start the server in the mode that it had." + TAKE_OUT;
    }
}
