/*
 * The first process of a virtual machine: what a kernel alone lacks for tenants' programs to run. Its file system is that of the image,
 * read-only, with that of the programs above it; the tenant's disk is mounted when the server says who the tenant is, because the machine
 * may have been stopped before anybody's and started again for this one.
 *
 * Further frames of the server's, each answered by 'O', or by 'X' and an error number:
 *   'I' nanoseconds since the epoch (eight bytes), 64 random bytes, uid NUL bytes of /tmp NUL passwd NUL group NUL: be this tenant's now
 *   'P' 'd' path: a directory that the tenant may enter; 'f' path NUL content: a file that it may read; 's' path: a socket that it may
 *       connect to, served as long as the conversation lasts; 'w' path NUL content: into a file that is there; 'x' path: remove all of it
 *   'R' path: the content of a short file
 *   'D' put on the disk what was written so far
 *   'Z' number (a byte): end everything and begin anew on the same stream. A first frame with that number comes next, and nothing may be
 *       sent before: what an earlier connection left in the stream is behind it then
 *   'Q' end everything and put the disk down, for the power to go
 * And of the guest's: 'A' listener (four bytes), in a conversation that it begins: somebody connected to that socket
 */
#include "guest.h"
#include <ftw.h>
#include <linux/random.h>
#include <linux/vm_sockets.h>
#include <sys/sysmacros.h>

enum { ENTROPY = 64, VSOCK_PORT = 1024, DISKS_PATIENCE_MS = 20000, MOST_READ = 4 << 10 };

static uid_t tenant;
static const char *const own_places[] = {"/workspace", "/home/agent"};
static const char *const disk_places[] = {"/run/disk/fs/work", "/run/disk/fs/home"};
static const char disk[] = "/run/disk/fs";
static const char *const writeback[] = {"/proc/sys/vm/dirty_writeback_centisecs", "/proc/sys/vm/dirty_expire_centisecs"};

static void put_on(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  if (mount(source, target, type, flags, data) != 0) fail(STAGE_MOUNT, target);
}

static void make_directory(const char *path, mode_t mode) {
  if (mkdir(path, mode) != 0 && errno != EEXIST) fail(STAGE_MOUNT, path);
}

/* The first line of a file of the kernel's; empty if there is none. */
static ssize_t read_file(const char *path, char *into, size_t room) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = file < 0 ? -1 : read(file, into, room - 1);
  int error = errno;
  if (file >= 0) close(file);
  into[n > 0 ? n : 0] = '\0';
  errno = error;
  return n;
}

static bool write_file(const char *path, int flags, mode_t mode, const void *content, size_t length) {
  int file = open(path, flags | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
  bool written = file >= 0 && write(file, content, length) == (ssize_t)length;
  int error = errno;
  if (file >= 0) close(file);
  errno = error;
  return written;
}

/* A node for a device that the kernel names in its own table; false: it does not. */
static bool make_node(const char *entry, const char *path, mode_t type) {
  char name[128], text[32];
  unsigned major_number, minor_number;
  snprintf(name, sizeof name, "%s/dev", entry);
  if (read_file(name, text, sizeof text) <= 0 || sscanf(text, "%u:%u", &major_number, &minor_number) != 2) return false;
  if (mknod(path, type | 0600, makedev(major_number, minor_number)) != 0 && errno != EEXIST) fail(STAGE_MOUNT, path);
  return true;
}

/* --- Start ---------------------------------------------------------------------------------------------------------- */

static int is_module(const struct dirent *entry) {
  return strstr(entry->d_name, ".ko") != NULL;
}

static void load_modules(void) {
  struct dirent **names;
  int count = scandir("/modules", &names, is_module, alphasort);
  for (int i = 0; i < count; i++) {
    char path[300];
    snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST)) fail(STAGE_INIT, path);
    close(file);
    unlink(path);
    free(names[i]);
  }
}

/* By the name that the hypervisor gives it, or else by their order. False: it is not there yet. */
static bool find_disk(const char *name, char order, char *entry, size_t room) {
  char serial[64], path[128];
  bool named = false;
  for (char letter = 'a'; letter <= 'c'; letter++) {
    snprintf(path, sizeof path, "/sys/block/vd%c/serial", letter);
    if (read_file(path, serial, sizeof serial) < 0) return false;
    snprintf(entry, room, "/sys/block/vd%c", letter);
    if (strcmp(serial, name) == 0) return true;
    named |= strncmp(serial, "cloister-", strlen("cloister-")) == 0;
  }
  snprintf(entry, room, "/sys/block/vd%c", order);
  return !named;
}

static bool make_disk(const char *name, char order, const char *node) {
  char entry[64];
  return find_disk(name, order, entry, sizeof entry) && make_node(entry, node, S_IFBLK);
}

static void mount_image(const char *name, char order, const char *path) {
  for (int waited = 0; !make_disk(name, order, "/node"); waited += 5) {
    if (waited >= DISKS_PATIENCE_MS) errno = ENODEV, fail(STAGE_ROOT, name);
    usleep(5000);
  }
  make_directory(path, 0755);
  put_on("/node", path, "ext4", MS_RDONLY | MS_NOATIME | MS_NODEV | MS_NOSUID, "");
  unlink("/node");
}

static void make_root(void) {
  mount_image("cloister-root", 'a', "/image");
  mount_image("cloister-programs", 'b', "/programs");
  put_on("root", "/root", "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, "lowerdir=/programs:/image");
  if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) fail(STAGE_PIVOT, "/root");
}

static void fresh(const char *path, const char *options) {
  umount2(path, MNT_DETACH);
  put_on("tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID, options);
}

static void make_devices(void) {
  static const struct { const char *path; unsigned major_number, minor_number; mode_t mode; } devices[] = {
    {"/dev/null", 1, 3, 0666}, {"/dev/zero", 1, 5, 0666}, {"/dev/full", 1, 7, 0666}, {"/dev/random", 1, 8, 0666},
    {"/dev/urandom", 1, 9, 0666}, {"/dev/tty", 5, 0, 0666}, {"/dev/console", 5, 1, 0600}};
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}, {"pts/ptmx", "/dev/ptmx"}};
  put_on("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k");
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    if (mknod(devices[i].path, S_IFCHR | devices[i].mode, makedev(devices[i].major_number, devices[i].minor_number)) != 0) fail(STAGE_MOUNT, devices[i].path);
    chmod(devices[i].path, devices[i].mode);
  }
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) if (symlink(links[i][0], links[i][1]) != 0) fail(STAGE_MOUNT, links[i][1]);
  make_directory("/dev/pts", 0755);
  put_on("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
  make_directory("/dev/shm", 0755);
}

static void make_surroundings(void) {
  put_on("proc", "/proc", "proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, "hidepid=invisible");
  put_on("sysfs", "/sys", "sysfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "");
  put_on("cgroup", "/sys/fs/cgroup", "cgroup2", MS_NODEV | MS_NOSUID | MS_NOEXEC, "");
  static const char controllers[] = "+memory +cpu +pids";
  if (!write_file("/sys/fs/cgroup/cgroup.subtree_control", 0, 0, controllers, strlen(controllers))) fail(STAGE_CGROUP, "controllers");
  make_directory("/sys/fs/cgroup/tenant", 0755);
  make_devices();
  /* Devices: the tenant's disk has its node here. */
  put_on("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=16m");
  make_directory("/run/disk", 0700);
  make_directory(disk, 0700);
  make_directory("/run/etc", 0755);
  make_directory("/run/cloister", 0711);
  /* A machine that is ended in the midst of its work loses no more than the last second. */
  for (int i = 0; i < 2; i++) if (!write_file(writeback[i], 0, 0, "100", 3)) fail(STAGE_INIT, writeback[i]);
  loopback_up();
  if (sethostname("cloister", strlen("cloister")) != 0) fail(STAGE_HOSTNAME, "sethostname");
}

/* A serial port that a hypervisor gives, or else connections of the other kind. -1: there is none yet. */
static int serial_port(void) {
  DIR *ports = opendir("/sys/class/virtio-ports");
  int port = -1;
  for (struct dirent *entry; ports && port < 0 && (entry = readdir(ports));) {
    char path[300];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s", entry->d_name);
    if (entry->d_name[0] != '.' && make_node(path, "/run/disk/port", S_IFCHR)) port = open("/run/disk/port", O_RDWR | O_CLOEXEC);
  }
  if (ports) closedir(ports);
  return port;
}

static int vsock_listener(void) {
  struct sockaddr_vm here = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = VSOCK_PORT};
  int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 1) != 0) return -1;
  return listener;
}

int be_machine(void) {
  int number = 0;
  prctl(PR_SET_NAME, "cloister-guest");
  put_on("proc", "/proc", "proc", 0, "");
  put_on("sysfs", "/sys", "sysfs", 0, "");
  put_on("dev", "/dev", "devtmpfs", 0, "");
  load_modules();
  make_root();
  make_surroundings();
  int listener = -1;
  for (;;) {
    fresh("/tmp", "mode=1777");
    fresh("/dev/shm", "mode=1777,size=64m,nr_inodes=16400");
    fresh("/run/cloister", "mode=711,size=64m");
    int connection = serial_port();
    if (connection < 0 && listener < 0) listener = vsock_listener();
    if (connection < 0 && listener >= 0) connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) fail(STAGE_CONTROL, "no way to the server");
    pid_t child = fork();
    if (child == 0) {
      if (dup2(connection, STDIN_FILENO) < 0 || dup2(connection, STDOUT_FILENO) < 0) fail(STAGE_CONTROL, "dup2");
      close(connection);
      return number;
    }
    close(connection);
    int status = 0;
    for (pid_t gone = 0; gone != child;) if ((gone = waitpid(-1, &status, 0)) < 0 && errno != EINTR) break;
    number = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0) continue;
  }
}

/* --- Orders --------------------------------------------------------------------------------------------------------- */

static bool set_entropy(const unsigned char *bytes) {
  struct { int bits, size; unsigned char bytes[ENTROPY]; } pool = {ENTROPY * 8, ENTROPY, {0}};
  memcpy(pool.bytes, bytes, ENTROPY);
  int device = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  bool done = device >= 0 && ioctl(device, RNDADDENTROPY, &pool) == 0 && ioctl(device, RNDRESEEDCRNG) == 0;
  if (device >= 0) close(device);
  return done;
}

static bool is_mounted(const char *path) {
  struct stat here, above;
  char parent[64];
  snprintf(parent, sizeof parent, "%s/..", path);
  return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

/* Two file systems with the same files: a path of the one shows what the other has there. */
static bool show(const char *source, const char *path) {
  return mount(source, path, NULL, MS_BIND, NULL) == 0;
}

static bool mount_disk(void) {
  if (is_mounted(disk)) return true;
  if (!make_disk("cloister-disk", 'c', "/run/disk/node")) return errno = ENODEV, false;
  if (mount("/run/disk/node", disk, "ext4", MS_NODEV | MS_NOSUID | MS_NOATIME, "errors=remount-ro,discard,commit=1") != 0) return false;
  for (int i = 0; i < 2; i++)
    if (!show(disk_places[i], own_places[i]) || mount(NULL, own_places[i], NULL, MS_BIND | MS_REMOUNT | MS_NODEV | MS_NOSUID, NULL) != 0) return false;
  return true;
}

static bool name_tenant(const char *file, const char *path, const char *text) {
  bool known = access(file, F_OK) == 0;
  if (!write_file(file, O_CREAT | O_TRUNC, 0644, text, strlen(text)) || chmod(file, 0644) != 0) return false;
  return known || show(file, path);
}

/* The text behind the next NUL, or an empty one. */
static const char *next(const char **at, const char *end) {
  const char *text = *at;
  *at += strlen(text) + 1;
  if (*at > end) *at = end;
  return text;
}

static bool become(const unsigned char *payload, size_t length) {
  enum { FIXED = 8 + ENTROPY };
  if (length < FIXED) return errno = EPROTO, false;
  const char *at = (const char *)payload + FIXED, *end = (const char *)payload + length;
  unsigned long nanoseconds = get(payload, 8);
  struct timespec now = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
  tenant = (uid_t)strtoul(next(&at, end), NULL, 10);
  char size[96];
  const char *bytes = next(&at, end);
  /* Names without content take memory too, and no size bounds them. */
  snprintf(size, sizeof size, "mode=1777,size=%s,nr_inodes=%llu", bytes, strtoull(bytes, NULL, 10) / 4096 + 16);
  const char *passwd = next(&at, end), *group = next(&at, end);
  return clock_settime(CLOCK_REALTIME, &now) == 0 && set_entropy(payload + 8) && mount("tmpfs", "/tmp", "tmpfs", MS_REMOUNT | MS_NODEV | MS_NOSUID, size) == 0
    && name_tenant("/run/etc/passwd", "/etc/passwd", passwd) && name_tenant("/run/etc/group", "/etc/group", group) && mount_disk();
}

/* What was written so far is no longer this kernel's alone: a machine can be ended at any moment. */
bool settle_disk(void) {
  int place = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool done = place >= 0 && syncfs(place) == 0;
  if (place >= 0) close(place);
  return done;
}

static bool leave_disk(void) {
  end_everything();
  for (int i = 0; i < 2; i++) if (is_mounted(own_places[i]) && umount2(own_places[i], 0) != 0) return false;
  if (is_mounted(disk) && umount2(disk, 0) != 0) return false;
  sync();
  return true;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type, (void)place;
  return remove(path);
}

static bool give(const char *path, mode_t mode) {
  return chown(path, 0, tenant) == 0 && chmod(path, mode) == 0;
}

static int make_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && give(path, 0660) && listen(listener, 128) == 0) return listener;
  int error = errno;
  close(listener);
  errno = error;
  return -1;
}

static bool place(unsigned id, const char *payload, size_t length) {
  const char *path = payload + 1, *content = path + strlen(path) + 1;
  size_t size = content < payload + length ? (size_t)(payload + length - content) : 0;
  if (length < 2) return errno = EPROTO, false;
  switch (payload[0]) {
  case 'd': return mkdir(path, 0700) == 0 && give(path, 0710);
  case 'f': return write_file(path, O_CREAT | O_EXCL, 0600, content, size) && give(path, 0640);
  case 'w': return write_file(path, 0, 0, content, size);
  case 'x': return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT;
  case 's': break;
  default: return errno = EPROTO, false;
  }
  int listener = make_socket(path);
  if (listener >= 0) serve_socket(id, listener);
  return listener >= 0;
}

bool machine_obey(unsigned id, char kind, unsigned char *payload, size_t length) {
  static unsigned char frame[HEADER + MOST_READ];
  bool done;
  switch (kind) {
  case 'I': done = become(payload, length); break;
  case 'P': done = place(id, (char *)payload, length); break;
  case 'D': done = settle_disk(); break;
  case 'Q': done = leave_disk(); break;
  case 'Z': _exit(payload[0]); /* What is left then, the first process ends. */
  case 'R': {
    ssize_t n = read_file((char *)payload, (char *)frame + HEADER, MOST_READ);
    if (n >= 0) send_frame(frame, id, 'O', (size_t)n);
    else say_number(id, 'X', errno);
    return true;
  }
  default: return false;
  }
  if (done) say(id, 'O', "");
  else say_number(id, 'X', errno);
  return true;
}
