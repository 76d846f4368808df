/* What the parts of cloister-launch know of each other. The guarantees stand at the top of launch.c. */
#ifndef CLOISTER_LAUNCH_H
#define CLOISTER_LAUNCH_H
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The steps, in their order. A failure names the one at which the launch stopped. */
#define STAGES(X) \
  X(CONTROL, "control") X(PARENT, "parent") X(NAMESPACES, "namespaces") X(CGROUP, "cgroup") X(ID_MAP, "id-map") \
  X(ROOT, "root") X(MOUNT, "mount") X(PIVOT, "pivot") X(LOOPBACK, "loopback") \
  X(HOSTNAME, "hostname") X(RLIMIT, "rlimit") X(IDS, "ids") X(TMP, "tmp") X(CAPABILITIES, "capabilities") \
  X(NO_NEW_PRIVS, "no-new-privs") X(LANDLOCK, "landlock") X(SECCOMP, "seccomp") X(INIT, "init") X(FORWARD, "forward") \
  X(ENVIRONMENT, "environment")
#define STAGE(id, name) STAGE_##id,
enum stage { STAGES(STAGE) };

/* One step of making the new root; `a` and `b` are what the option was given. */
enum operation_kind { OP_READ, OP_WRITE, OP_DEVICE, OP_TMPFS, OP_PROC };
struct operation { enum operation_kind kind; const char *a, *b; };
struct limit { int resource; rlim_t value; };

struct options {
  const char *control, *id;                          /* the server's socket, and what to say there first */
  unsigned namespaces;                               /* CLONE_NEW… */
  bool switch_ids, inherited;                        /* inherited: the connection to the server is descriptor 3 */
  uid_t uid;
  gid_t gid;
  const char *root_base, *root_source;               /* where the new root is mounted, and what */
  const char *tmp, *directory;
  unsigned forward_port;                             /* of the loopback device inside; 0: none */
  const char *forward_path, *expose_path;            /* unix sockets: by its inner path; of the host */
  bool landlock, landlock_tcp, landlock_scope, seccomp, seccomp_shared;
  struct operation *operations;
  struct limit *limits;
  const char **cgroups, **readable, **writable, **environment;
  size_t operation_count, limit_count, cgroup_count, readable_count, writable_count, environment_count;
  char **command;
};

/* Fills the options, which own what they allocate and share the arguments' strings. Returns what is wrong, or NULL. */
const char *options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/* Ends this process and tells the server why, with errno: until the target's exec that is all that ever goes wrong. */
_Noreturn void fail(enum stage stage, const char *detail);

void enter_root(const struct options *options);
void loopback_up(void);
int connect_inside(unsigned char high, unsigned char low);
int listen_outside(const struct options *options);
pid_t start_forward(const struct options *options, int outside, char **argv);
void set_limits(const struct options *options);
void switch_ids(uid_t uid, gid_t gid, bool groups);
void drop_capabilities(void);
void keep_capabilities_of_monitor(void);
void forbid_new_privileges(void);
void restrict_files(const struct options *options);
void filter_system_calls(bool shared, bool one_uid);
#endif
