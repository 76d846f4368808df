/* What the target may do once it runs: ids, capabilities, limits, Landlock, seccomp. */
#include "launch.h"

void set_limits(const struct options *o) {
  for (size_t i = 0; i < o->limit_count; i++) {
    struct rlimit limit = {o->limits[i].value, o->limits[i].value}, now;
    if (getrlimit(o->limits[i].resource, &now) != 0) fail(STAGE_RLIMIT, "getrlimit");
    /* A hard limit below what is asked for bounds even more, and an ordinary user cannot lift it. */
    if (now.rlim_max < limit.rlim_max) limit.rlim_cur = limit.rlim_max = now.rlim_max;
    if (setrlimit(o->limits[i].resource, &limit) != 0) fail(STAGE_RLIMIT, "setrlimit");
  }
}

static void set_capabilities(unsigned long long wanted) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
    {(unsigned)wanted, (unsigned)wanted, 0}, {(unsigned)(wanted >> 32), (unsigned)(wanted >> 32), 0},
  };
  if (syscall(SYS_capset, &header, data) != 0) fail(STAGE_CAPABILITIES, "capset");
}

static unsigned long long permitted_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) fail(STAGE_CAPABILITIES, "capget");
  return data[0].permitted | (unsigned long long)data[1].permitted << 32;
}

/* Real, effective and saved ids, by the system call itself. The capabilities stay, for the steps that still need them. */
void switch_ids(uid_t uid, gid_t gid, bool groups) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) fail(STAGE_IDS, "keepcaps");
  if (groups && setgroups(0, NULL) != 0) fail(STAGE_IDS, "setgroups");
  if (syscall(SYS_setresgid, gid, gid, gid) != 0) fail(STAGE_IDS, "setresgid");
  if (syscall(SYS_setresuid, uid, uid, uid) != 0) fail(STAGE_IDS, "setresuid");
  set_capabilities(permitted_capabilities());
}

void drop_capabilities(void) {
  /* Only who has CAP_SETPCAP can shrink the bounding set; without it there is nothing that could be gained from it. */
  if (permitted_capabilities() >> CAP_SETPCAP & 1) {
    int capability = 0;
    while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) capability++;
    /* The first one that the kernel does not know. */
    if (capability <= CAP_SETPCAP || errno != EINVAL) fail(STAGE_CAPABILITIES, "bounding set");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) fail(STAGE_CAPABILITIES, "ambient set");
  set_capabilities(0);
  if (permitted_capabilities() != 0) fail(STAGE_CAPABILITIES, "permitted set");
}

/* The monitor of a tenant with a uid of its own ends the tenant's processes and tidies up as the tenant; nothing more. */
void keep_capabilities_of_monitor(void) {
  set_capabilities(permitted_capabilities() & (1ULL << CAP_KILL | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID));
}

void forbid_new_privileges(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) fail(STAGE_NO_NEW_PRIVS, "prctl");
}

/* Landlock, as in linux/landlock.h; written out because distributions' headers are older than their kernels. */
enum { SYS_create_ruleset = 444, SYS_add_rule = 445, SYS_restrict_self = 446, VERSION = 1, PATH_BENEATH = 1 };
struct ruleset { unsigned long long files, network, scopes; };
struct __attribute__((packed)) path_rule { unsigned long long allowed; int parent; };
enum {
  EXECUTE = 1 << 0, WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3, MAKE_CHAR = 1 << 6, MAKE_BLOCK = 1 << 11,
  REFER = 1 << 13, TRUNCATE = 1 << 14, IOCTL_DEV = 1 << 15, FIRST_VERSION = (1 << 13) - 1, BIND_AND_CONNECT_TCP = 3,
  ABSTRACT_SOCKETS_AND_SIGNALS = 3,
};

static void allow(int ruleset, const char *path, unsigned long long rights) {
  int parent = open(path, O_PATH | O_CLOEXEC);
  struct stat found;
  if (parent < 0 || fstat(parent, &found) != 0) fail(STAGE_LANDLOCK, path);
  if (!S_ISDIR(found.st_mode)) rights &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
  struct path_rule rule = {rights, parent};
  if (syscall(SYS_add_rule, ruleset, PATH_BENEATH, &rule, 0) != 0) fail(STAGE_LANDLOCK, path);
  close(parent);
}

void restrict_files(const struct options *o) {
  if (!o->landlock) return;
  long version = syscall(SYS_create_ruleset, NULL, 0, VERSION);
  if (version < 1) fail(STAGE_LANDLOCK, "version");
  errno = EOPNOTSUPP;
  if ((o->landlock_tcp && version < 4) || (o->landlock_scope && version < 6)) fail(STAGE_LANDLOCK, "version");
  unsigned long long handled =
      FIRST_VERSION | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0) | (version >= 5 ? IOCTL_DEV : 0);
  struct ruleset asked = {
    handled, o->landlock_tcp ? BIND_AND_CONNECT_TCP : 0, o->landlock_scope ? ABSTRACT_SOCKETS_AND_SIGNALS : 0,
  };
  size_t size = version >= 6 ? sizeof asked : version >= 4 ? offsetof(struct ruleset, scopes) : offsetof(struct ruleset, network);
  int ruleset = (int)syscall(SYS_create_ruleset, &asked, size, 0);
  if (ruleset < 0) fail(STAGE_LANDLOCK, "ruleset");
  for (size_t i = 0; i < o->readable_count; i++) allow(ruleset, o->readable[i], EXECUTE | READ_FILE | READ_DIR);
  unsigned long long writing = handled & ~(unsigned long long)(MAKE_CHAR | MAKE_BLOCK);
  for (size_t i = 0; i < o->writable_count; i++) allow(ruleset, o->writable[i], writing);
  if (syscall(SYS_restrict_self, ruleset, 0) != 0) fail(STAGE_LANDLOCK, "restrict_self");
  close(ruleset);
}

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000U
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "cloister-launch knows x86-64 and arm64"
#endif

/* In the spirit of Docker's default profile: what reaches beyond the sandbox, or into parts of the kernel that agents do not
   need. Numbers from 424 on are the same on every architecture; headers may be too old to name them. */
static const unsigned forbidden[] = {
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct,
  SYS_syslog, SYS_vhangup, SYS_sethostname, SYS_setdomainname, SYS_quotactl, SYS_name_to_handle_at, SYS_open_by_handle_at,
  SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_settimeofday,
  SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_bpf, SYS_userfaultfd,
  SYS_perf_event_open, SYS_fanotify_init, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_nfsservctl,
  SYS_lookup_dcookie,
#if defined(__x86_64__)
  SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_create_module, SYS_query_module,
#endif
  425, 426, 427 /* io_uring */, 428 /* open_tree */, 429 /* move_mount */, 430, 431, 432, 433 /* fsopen … fspick */,
  438 /* pidfd_getfd */, 440 /* process_madvise */, 442 /* mount_setattr */, 443 /* quotactl_fd */, 448 /* process_mrelease */,
  467 /* open_tree_attr */,
};

static struct sock_filter program[256];
static unsigned short length;
enum { EQUAL = BPF_JMP | BPF_JEQ | BPF_K, ANY_BIT = BPF_JMP | BPF_JSET | BPF_K, ALWAYS = BPF_JMP | BPF_JA };

static void emit(unsigned short code, size_t when_true, size_t when_false, unsigned operand) {
  if (length == sizeof program / sizeof *program) errno = E2BIG, fail(STAGE_SECCOMP, "filter");
  program[length++] = (struct sock_filter){code, (unsigned char)when_true, (unsigned char)when_false, operand};
}

static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (unsigned)offset); }
static void answer(unsigned action) { emit(BPF_RET | BPF_K, 0, 0, action); }

/* All share one answer: the kernel translates the program at each launch, and tries it for each system call that there is. */
static void forbid(const unsigned *calls, size_t count, unsigned error) {
  for (size_t i = 0; i < count; i++) emit(EQUAL, count - i, 0, calls[i]);
  emit(ALWAYS, 0, 0, 1);
  answer(SECCOMP_RET_ERRNO | error);
}

/* Forbids `call` when its argument passes one of the tests, or, negated, none of them. Only the argument's low half is looked
   at: what is compared is an int to the kernel, which ignores the high half. */
static void forbid_when(unsigned call, size_t argument, unsigned short test, const unsigned *values, size_t count, bool negated,
                        unsigned error) {
  emit(EQUAL, 0, count + 4, call);
  load(offsetof(struct seccomp_data, args) + 8 * argument);
  for (size_t i = 0; i < count; i++) emit(test, count - i, 0, values[i]);
  answer(negated ? SECCOMP_RET_ERRNO | error : SECCOMP_RET_ALLOW);
  answer(negated ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | error);
  load(offsetof(struct seccomp_data, nr));
}

/* Allows `call` only when its first arguments are these: by which it concerns who calls, and nobody else. */
static void allow_only(unsigned call, const unsigned *arguments, size_t count) {
  emit(EQUAL, 0, 2 * count + 3, call);
  for (size_t i = 0; i < count; i++) {
    load(offsetof(struct seccomp_data, args) + 8 * i);
    emit(EQUAL, i + 1 == count ? 1 : 0, 2 * (count - 1 - i), arguments[i]);
  }
  answer(SECCOMP_RET_ERRNO | EPERM);
  answer(SECCOMP_RET_ALLOW);
  load(offsetof(struct seccomp_data, nr));
}

/*
 * `shared`: the host's network, IPC and process namespaces are the target's too. Then nothing may reach through them. With
 * `one_uid` others' files and processes are of the target's own uid, and Landlock knows neither watches nor limits.
 */
void filter_system_calls(bool shared, bool one_uid) {
  static const unsigned tracing[] = {PTRACE_ATTACH, PTRACE_SEIZE}, terminal[] = {TIOCSTI, 0x541C /* TIOCLINUX */};
  static const unsigned devices[] = {S_IFCHR & S_IFBLK}, watches[] = {SYS_inotify_add_watch};
  static const unsigned families[] = {AF_UNIX, AF_NETLINK, AF_INET, AF_INET6};
  static const unsigned ipc[] = {SYS_shmget, SYS_shmat, SYS_semget, SYS_msgget, SYS_mq_open}, clone3[] = {435};
  static const unsigned namespaces[] = {
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
  };
  load(offsetof(struct seccomp_data, arch));
  emit(EQUAL, 1, 0, ARCHITECTURE);
  answer(SECCOMP_RET_KILL_PROCESS);
  load(offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
  emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
  answer(SECCOMP_RET_ERRNO | ENOSYS);
#endif
  forbid(forbidden, sizeof forbidden / sizeof *forbidden, EPERM);
  if (shared) forbid(ipc, sizeof ipc / sizeof *ipc, EACCES);
  /* Its flags lie in memory, where a filter cannot look; the C library falls back to clone. */
  forbid(clone3, 1, ENOSYS);
  forbid_when(SYS_clone, 0, ANY_BIT, namespaces, 1, false, EPERM);
  forbid_when(SYS_ptrace, 0, EQUAL, tracing, 2, false, EPERM);
  forbid_when(SYS_ioctl, 1, EQUAL, terminal, 2, false, EPERM);
  forbid_when(SYS_socket, 0, EQUAL, families, shared ? 2 : 4, true, EACCES);
  /* gVisor lets everybody make devices, and set anybody's priority and processors; every kernel lets the same uid do that, and
     set limits. The bit is that of S_ISCHR and S_ISBLK. */
#ifdef SYS_mknod
  forbid_when(SYS_mknod, 1, ANY_BIT, devices, 1, false, EPERM);
#endif
  forbid_when(SYS_mknodat, 2, ANY_BIT, devices, 1, false, EPERM);
  if (shared) {
    allow_only(SYS_setpriority, (unsigned[]){PRIO_PROCESS, 0}, 2);
    allow_only(SYS_ioprio_set, (unsigned[]){1 /* IOPRIO_WHO_PROCESS */, 0}, 2);
    allow_only(SYS_sched_setaffinity, (unsigned[]){0}, 1);
    allow_only(SYS_sched_setscheduler, (unsigned[]){0}, 1);
    allow_only(SYS_sched_setparam, (unsigned[]){0}, 1);
    allow_only(SYS_sched_setattr, (unsigned[]){0}, 1);
    allow_only(SYS_prlimit64, (unsigned[]){0}, 1);
    if (one_uid) forbid(watches, 1, EACCES);
  }
  answer(SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {length, program};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) fail(STAGE_SECCOMP, "filter");
}
