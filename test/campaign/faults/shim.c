/*
 * Loaded into Node.js by LD_PRELOAD: lets system calls on what lies below FAULT_ROOT fail, ends the process at one, or records them. It knows the
 * calls of glibc by which Node.js and LMDB change files. Other programs that inherit it are left alone.
 *
 *   FAULT_ROOT    absolute folder; calls on other files are not looked at
 *   FAULT_CALL    which call: open, read, write, sync, rename, mkdir, unlink, link, truncate, spawn (of any program)
 *   FAULT_NTH     the how manyth of these, from 1, in all processes together
 *   FAULT_ERROR   the errno that it fails with, without having happened; 0: SIGKILL
 *   FAULT_COUNT   a file of eight bytes in which these calls are counted
 *   FAULT_RECORD  a file to which all changes are appended in their order: a line of JSON each, followed by the bytes that were written; `durable`
 *                 if they were on the disk when the call returned (O_DSYNC); `say` before the first process writes to standard output
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static size_t root_length;
static const char *wanted;
static long nth;
static int failure, record = -1;
/* Only what the first process says is read by anybody but us. */
static int is_first;
/* Shared by all processes: each call of a writer or a verifier has its turn, and not only those beyond what the first process makes. */
static atomic_long *seen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static atomic_long *shared_count(const char *file) {
  int descriptor = open(file, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return NULL;
  void *mapped = mmap(NULL, sizeof(atomic_long), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  return mapped == MAP_FAILED ? NULL : mapped;
}

__attribute__((constructor)) static void begin(void) {
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  const char *given = getenv("FAULT_ROOT");
  if (length < 0 || !given) return;
  program[length] = 0;
  const char *base = strrchr(program, '/');
  if (!base || strcmp(base, "/node") != 0) return;
  strncpy(root, given, sizeof root - 1);
  wanted = getenv("FAULT_CALL");
  nth = getenv("FAULT_NTH") ? atol(getenv("FAULT_NTH")) : 0;
  failure = getenv("FAULT_ERROR") ? atoi(getenv("FAULT_ERROR")) : 0;
  if (wanted && getenv("FAULT_COUNT")) seen = shared_count(getenv("FAULT_COUNT"));
  is_first = !getenv("FAULT_INSIDE");
  setenv("FAULT_INSIDE", "1", 1);
  const char *file = getenv("FAULT_RECORD");
  if (file) record = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  root_length = strlen(root);
}

/* The binding of LMDB crashes if that cannot open or read its files, which was looked at before: no other call of ours opens them so. */
static int is_of_lmdb(const char *path, int flags) {
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, ".mdb") == 0 && (flags & (O_CREAT | O_DSYNC));
}

static int is_below(const char *path) {
  if (root_length == 0 || !path) return 0;
  if (path[0] == '/') return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
  char here[PATH_MAX];
  return getcwd(here, sizeof here) && strncmp(here, root, root_length) == 0;
}

/* What the system knows: many descriptors are closed by ways that lead around this library. */
static const char *name_of(int fd) {
  static __thread char name[PATH_MAX];
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = root_length > 0 ? readlink(link, name, sizeof name - 1) : -1;
  name[length < 0 ? 0 : length] = 0;
  return name;
}

static int is_known(int fd) {
  const char *name = name_of(fd);
  return name[0] == '/' && is_below(name);
}

/* The same of a descriptor: LMDB reads heads by read, and all else by a map. Node.js opens all files with O_CLOEXEC. */
static int is_lmdbs(int fd) {
  const char *name = name_of(fd);
  size_t length = strlen(name);
  return length > 4 && strcmp(name + length - 4, ".mdb") == 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static int fails(const char *call) {
  if (!seen || strcmp(call, wanted) != 0 || atomic_fetch_add(seen, 1) + 1 != nth) return 0;
  if (failure == 0) kill(getpid(), SIGKILL);
  errno = failure;
  return 1;
}

/* By this libuv starts processes. */
pid_t fork(void) {
  REAL(fork);
  if (root_length > 0 && fails("spawn")) return -1;
  return real();
}

/* A line, and bytes that come in pieces: in one call, as other processes append to the same file. */
static void note(const char *line, const struct iovec *pieces, int count, size_t bytes) {
  REAL(writev);
  struct iovec all[IOV_MAX];
  int used = 0;
  all[used++] = (struct iovec){(void *)line, strlen(line)};
  for (int i = 0; i < count && bytes > 0 && used < IOV_MAX; i++) {
    size_t part = pieces[i].iov_len < bytes ? pieces[i].iov_len : bytes;
    all[used++] = (struct iovec){pieces[i].iov_base, part};
    bytes -= part;
  }
  (void)!real(record, all, used);
}

static void note_paths(const char *call, const char *one, const char *other) {
  if (record < 0) return;
  char line[3 * PATH_MAX];
  snprintf(line, sizeof line, "{\"call\":\"%s\",\"path\":\"%s\",\"to\":\"%s\"}\n", call, one, other ? other : "");
  pthread_mutex_lock(&lock);
  note(line, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
}

static int learn(int fd, const char *path, int flags) {
  if (fd < 0 || !is_below(path)) return fd;
  if (flags & (O_CREAT | O_TRUNC)) note_paths(flags & O_TRUNC ? "cut" : "create", path, NULL);
  return fd;
}

static int open_in(int folder, const char *path, int flags, mode_t mode) {
  REAL(openat);
  if (is_below(path) && !is_of_lmdb(path, flags) && fails("open")) return -1;
  return learn(real(folder, path, flags, mode), path, flags);
}

/* With large files, a name with and one without 64 are the same where a file's offset has 64 bits anyway. */
#define OPEN(name, folder, ...) \
  int name(__VA_ARGS__ const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = va_arg(rest, mode_t); \
    va_end(rest); \
    return open_in(folder, path, flags, mode); \
  }
#define FOLDER int folder,
OPEN(open, AT_FDCWD)
OPEN(open64, AT_FDCWD)
OPEN(openat, folder, FOLDER)
OPEN(openat64, folder, FOLDER)

/* Node.js reads folders by these, and glibc opens them itself. */
DIR *opendir(const char *path) {
  REAL(opendir);
  return is_below(path) && fails("open") ? NULL : real(path);
}

int scandir64(const char *path, struct dirent64 ***list, int (*filter)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  REAL(scandir64);
  return is_below(path) && fails("open") ? -1 : real(path, list, filter, compare);
}

ssize_t read(int fd, void *bytes, size_t length) {
  REAL(read);
  if (is_known(fd) && !is_lmdbs(fd) && fails("read")) return -1;
  return real(fd, bytes, length);
}

#define PREAD(name) \
  ssize_t name(int fd, void *bytes, size_t length, off_t at) { \
    REAL(name); \
    if (is_known(fd) && !is_lmdbs(fd) && fails("read")) return -1; \
    return real(fd, bytes, length, at); \
  }
PREAD(pread)
PREAD(pread64)

/* What was written, after it was. */
static ssize_t written(int fd, const struct iovec *pieces, int count, off_t at, ssize_t length) {
  if (record < 0 || length <= 0) return length;
  int kept = errno;
  char line[PATH_MAX + 100];
  snprintf(line, sizeof line, "{\"call\":\"write\",\"path\":\"%s\",\"at\":%lld,\"bytes\":%zd,\"durable\":%d}\n", name_of(fd),
           (long long)at, length, (fcntl(fd, F_GETFL) & O_DSYNC) != 0);
  note(line, pieces, count, (size_t)length);
  errno = kept;
  return length;
}

#define WRITE(at, call) \
  if (!is_known(fd)) { \
    if (is_first && fd == STDOUT_FILENO) note_paths("say", "", NULL); \
    return call; \
  } \
  if (fails("write")) return -1; \
  pthread_mutex_lock(&lock); \
  off_t place = (at) >= 0 ? (at) : lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR); \
  ssize_t result = written(fd, pieces, count, place, call); \
  pthread_mutex_unlock(&lock); \
  return result;

#define ONE_PIECE \
  struct iovec piece = {(void *)bytes, length}; \
  const struct iovec *pieces = &piece; \
  int count = 1;

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  ONE_PIECE
  WRITE((off_t)-1, real(fd, bytes, length))
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *bytes, size_t length, off_t at) { \
    REAL(name); \
    ONE_PIECE \
    WRITE(at, real(fd, bytes, length, at)) \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  REAL(writev);
  WRITE((off_t)-1, real(fd, pieces, count))
}

#define PWRITEV(name) \
  ssize_t name(int fd, const struct iovec *pieces, int count, off_t at) { \
    REAL(name); \
    WRITE(at, real(fd, pieces, count, at)) \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define SYNC(name) \
  int name(int fd) { \
    REAL(name); \
    if (!is_known(fd)) return real(fd); \
    if (fails("sync")) return -1; \
    int result = real(fd); \
    if (result == 0) note_paths("sync", name_of(fd), NULL); \
    return result; \
  }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name) \
  int name(int fd, off_t length) { \
    REAL(name); \
    if (!is_known(fd)) return real(fd, length); \
    if (fails("truncate")) return -1; \
    char size[32]; \
    snprintf(size, sizeof size, "%lld", (long long)length); \
    int result = real(fd, length); \
    if (result == 0) note_paths("truncate", name_of(fd), size); \
    return result; \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define TWO_PATHS(name) \
  int name(const char *from, const char *to) { \
    REAL(name); \
    int ours = is_below(to); \
    if (ours && fails(#name)) return -1; \
    int result = real(from, to); \
    if (result == 0 && ours) note_paths(#name, from, to); \
    return result; \
  }
TWO_PATHS(rename)
TWO_PATHS(link)

#define ONE_PATH(name, call, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    int ours = is_below(path); \
    if (ours && fails(call)) return -1; \
    int result = real arguments; \
    if (result == 0 && ours) note_paths(#name, path, NULL); \
    return result; \
  }
ONE_PATH(mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
ONE_PATH(unlink, "unlink", (const char *path), (path))
ONE_PATH(rmdir, "unlink", (const char *path), (path))
