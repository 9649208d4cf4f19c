/* Loaded before libc (LD_PRELOAD): counts what a process changes below one folder, and lets the n-th change go wrong.
 *
 * Calls are counted over all threads and forks of a process, in the order in which they come. What goes wrong is set by
 * faults_arm() in the process that will fork; its page is shared with the forks, so it can be read when they are dead.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOG_SIZE (32 << 20)
#define FICLONE_REQUEST 0x40049409UL

enum { OFF, COUNT, ONCE, FULL, FOLDER, KILL, TORN };
enum { CHANGES, LOOKS };
/* What a full disk refuses; it lets files be renamed, removed and given other modes. */
enum { TAKES_ROOM, TAKES_NONE };

struct page {
    int mode, error, kind;
    long at, counter, hits;
    long log_used;
    char below[4096], folder[4096], what[4200];
    char log[LOG_SIZE];
};

static struct page *page;

__attribute__((constructor)) static void begin(void) {
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page == MAP_FAILED) page = NULL;
}

void faults_arm(int mode, int kind, int error, long at, const char *below) {
    page->mode = OFF;
    page->kind = kind;
    page->error = error;
    page->at = at;
    page->counter = page->hits = page->log_used = 0;
    page->folder[0] = page->what[0] = 0;
    snprintf(page->below, sizeof page->below, "%s", below);
    page->mode = mode;
}
long faults_counted(void) { return page->counter; }
long faults_hits(void) { return page->hits; }
const char *faults_what(void) { return page->what; }
const char *faults_log(void) { page->log[page->log_used < LOG_SIZE ? page->log_used : LOG_SIZE - 1] = 0; return page->log; }

#define REAL(name) \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int of_descriptor(int fd, char *out, size_t size) {
    char link[40];
    ssize_t length;
    REAL(readlink);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = real_readlink(link, out, size - 1);
    if (length <= 0 || out[0] != '/') return 0;
    out[length] = 0;
    return 1;
}

static int of_path(int folder, const char *path, char *out, size_t size) {
    size_t length;
    if (!path) return 0;
    if (path[0] == '/') { snprintf(out, size, "%s", path); return 1; }
    if (folder == AT_FDCWD) { if (!getcwd(out, size)) return 0; }
    else if (!of_descriptor(folder, out, size)) return 0;
    length = strlen(out);
    if (path[0]) snprintf(out + length, size - length, "/%s", path);
    return 1;
}

/* Returns 0 to go on; else the call must fail with errno set. 2: write half of it first, then die. */
static int fault(const char *call, const char *path, int room) {
    long number;
    size_t length;
    int hit = 0;
    length = strlen(page->below);
    if (strncmp(path, page->below, length) || (path[length] && path[length] != '/')) return 0;
    number = __atomic_add_fetch(&page->counter, 1, __ATOMIC_SEQ_CST);
    switch (page->mode) {
    case COUNT: {
        char line[4200];
        int size = snprintf(line, sizeof line, "%s %s\n", call, path + length);
        long place = __atomic_fetch_add(&page->log_used, size, __ATOMIC_SEQ_CST);
        if (place + size < LOG_SIZE) memcpy(page->log + place, line, size);
        return 0;
    }
    case ONCE: hit = number == page->at; break;
    case FULL: hit = number >= page->at && room == TAKES_ROOM; break;
    case FOLDER: {
        const char *slash = strrchr(path, '/');
        size_t own = slash - path;
        if (number == page->at) { memcpy(page->folder, path, own); page->folder[own] = 0; }
        hit = page->folder[0] && strlen(page->folder) == own && !strncmp(path, page->folder, own);
        break;
    }
    case KILL: if (number == page->at) hit = 1; break;
    case TORN: if (number == page->at) hit = 2; break;
    }
    if (!hit) return 0;
    if (__atomic_add_fetch(&page->hits, 1, __ATOMIC_SEQ_CST) == 1)
        snprintf(page->what, sizeof page->what, "%s %s", call, path + length);
    if (page->mode == KILL) { kill(getpid(), SIGKILL); for (;;) pause(); }
    if (page->mode == TORN) return 2;
    errno = page->error;
    return 1;
}

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static int armed(int kind) { return page && page->mode != OFF && page->kind == kind; }

/* A call on names: dies after it in TORN mode, so that the last thing done is one that nobody heard of. */
#define NAMED(call, folder, path, kind, room, type, real) \
    char place[8192]; \
    int verdict = armed(kind) && of_path(folder, path, place, sizeof place) ? fault(call, place, room) : 0; \
    if (verdict == 1) return (type)-1; \
    type result = real; \
    if (verdict == 2) die(); \
    return result

#define HELD(call, fd, kind, room, type, real) \
    char place[8192]; \
    int verdict = armed(kind) && of_descriptor(fd, place, sizeof place) ? fault(call, place, room) : 0; \
    if (verdict == 1) return (type)-1; \
    type result = real; \
    if (verdict == 2) die(); \
    return result

static int is_change(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)); }

#define OPEN_BODY(folder, path, flags, real) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
    NAMED("open", folder, path, is_change(flags) ? CHANGES : LOOKS, flags & O_CREAT ? TAKES_ROOM : TAKES_NONE, int, real)

int open(const char *path, int flags, ...) { REAL(open); OPEN_BODY(AT_FDCWD, path, flags, real_open(path, flags, mode)); }
int open64(const char *path, int flags, ...) { REAL(open64); OPEN_BODY(AT_FDCWD, path, flags, real_open64(path, flags, mode)); }
int openat(int folder, const char *path, int flags, ...) { REAL(openat); OPEN_BODY(folder, path, flags, real_openat(folder, path, flags, mode)); }
int openat64(int folder, const char *path, int flags, ...) { REAL(openat64); OPEN_BODY(folder, path, flags, real_openat64(folder, path, flags, mode)); }

#define WRITE_BODY(call, whole, half) \
    char place[8192]; \
    int verdict = armed(CHANGES) && of_descriptor(fd, place, sizeof place) ? fault(call, place, TAKES_ROOM) : 0; \
    if (verdict == 1) return -1; \
    if (verdict == 2) { if (half < 0) {} die(); } \
    return whole

ssize_t write(int fd, const void *data, size_t size) { REAL(write); WRITE_BODY("write", real_write(fd, data, size), real_write(fd, data, size / 2)); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); WRITE_BODY("write", real_pwrite(fd, data, size, at), real_pwrite(fd, data, size / 2, at)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); WRITE_BODY("write", real_pwrite64(fd, data, size, at), real_pwrite64(fd, data, size / 2, at)); }
ssize_t writev(int fd, const struct iovec *data, int count) { REAL(writev); HELD("write", fd, CHANGES, TAKES_ROOM, ssize_t, real_writev(fd, data, count)); }

ssize_t sendfile(int fd, int in, off_t *at, size_t size);
ssize_t sendfile(int fd, int in, off_t *at, size_t size) { REAL(sendfile); HELD("copy", fd, CHANGES, TAKES_ROOM, ssize_t, real_sendfile(fd, in, at, size)); }
ssize_t sendfile64(int fd, int in, off64_t *at, size_t size);
ssize_t sendfile64(int fd, int in, off64_t *at, size_t size) { REAL(sendfile64); HELD("copy", fd, CHANGES, TAKES_ROOM, ssize_t, real_sendfile64(fd, in, at, size)); }
ssize_t copy_file_range(int in, off64_t *from, int fd, off64_t *at, size_t size, unsigned flags) { REAL(copy_file_range); HELD("copy", fd, CHANGES, TAKES_ROOM, ssize_t, real_copy_file_range(in, from, fd, at, size, flags)); }

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    void *argument;
    va_start(rest, request);
    argument = va_arg(rest, void *);
    va_end(rest);
    REAL(ioctl);
    if (request != FICLONE_REQUEST) return real_ioctl(fd, request, argument);
    HELD("clone", fd, CHANGES, TAKES_ROOM, int, real_ioctl(fd, request, argument));
}

int rename(const char *from, const char *to) { REAL(rename); NAMED("rename", AT_FDCWD, to, CHANGES, TAKES_NONE, int, real_rename(from, to)); }
int renameat(int a, const char *from, int b, const char *to) { REAL(renameat); NAMED("rename", b, to, CHANGES, TAKES_NONE, int, real_renameat(a, from, b, to)); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { REAL(renameat2); NAMED("exchange", b, to, CHANGES, TAKES_NONE, int, real_renameat2(a, from, b, to, flags)); }
int unlink(const char *path) { REAL(unlink); NAMED("unlink", AT_FDCWD, path, CHANGES, TAKES_NONE, int, real_unlink(path)); }
int unlinkat(int folder, const char *path, int flags) { REAL(unlinkat); NAMED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, path, CHANGES, TAKES_NONE, int, real_unlinkat(folder, path, flags)); }
int rmdir(const char *path) { REAL(rmdir); NAMED("rmdir", AT_FDCWD, path, CHANGES, TAKES_NONE, int, real_rmdir(path)); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); NAMED("mkdir", AT_FDCWD, path, CHANGES, TAKES_ROOM, int, real_mkdir(path, mode)); }
int mkdirat(int folder, const char *path, mode_t mode) { REAL(mkdirat); NAMED("mkdir", folder, path, CHANGES, TAKES_ROOM, int, real_mkdirat(folder, path, mode)); }
int symlink(const char *target, const char *path) { REAL(symlink); NAMED("symlink", AT_FDCWD, path, CHANGES, TAKES_ROOM, int, real_symlink(target, path)); }
int symlinkat(const char *target, int folder, const char *path) { REAL(symlinkat); NAMED("symlink", folder, path, CHANGES, TAKES_ROOM, int, real_symlinkat(target, folder, path)); }
int link(const char *from, const char *path) { REAL(link); NAMED("link", AT_FDCWD, path, CHANGES, TAKES_ROOM, int, real_link(from, path)); }
int linkat(int a, const char *from, int b, const char *path, int flags) { REAL(linkat); NAMED("link", b, path, CHANGES, TAKES_ROOM, int, real_linkat(a, from, b, path, flags)); }
int chmod(const char *path, mode_t mode) { REAL(chmod); NAMED("chmod", AT_FDCWD, path, CHANGES, TAKES_NONE, int, real_chmod(path, mode)); }
int fchmod(int fd, mode_t mode) { REAL(fchmod); HELD("chmod", fd, CHANGES, TAKES_NONE, int, real_fchmod(fd, mode)); }
int fchmodat(int folder, const char *path, mode_t mode, int flags) { REAL(fchmodat); NAMED("chmod", folder, path, CHANGES, TAKES_NONE, int, real_fchmodat(folder, path, mode, flags)); }
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) { REAL(utimensat); NAMED("utime", folder, path, CHANGES, TAKES_NONE, int, real_utimensat(folder, path, times, flags)); }
int futimens(int fd, const struct timespec times[2]) { REAL(futimens); HELD("utime", fd, CHANGES, TAKES_NONE, int, real_futimens(fd, times)); }
int truncate(const char *path, off_t size) { REAL(truncate); NAMED("truncate", AT_FDCWD, path, CHANGES, TAKES_NONE, int, real_truncate(path, size)); }
int truncate64(const char *path, off64_t size) { REAL(truncate64); NAMED("truncate", AT_FDCWD, path, CHANGES, TAKES_NONE, int, real_truncate64(path, size)); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); HELD("truncate", fd, CHANGES, TAKES_NONE, int, real_ftruncate(fd, size)); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); HELD("truncate", fd, CHANGES, TAKES_NONE, int, real_ftruncate64(fd, size)); }
/* No disk is asked to keep anything: who is killed here loses no power, and the tests wait for nothing. */
int fsync(int fd) { HELD("fsync", fd, CHANGES, TAKES_ROOM, int, 0); }
int fdatasync(int fd) { HELD("fsync", fd, CHANGES, TAKES_ROOM, int, 0); }
int syncfs(int fd) { HELD("fsync", fd, CHANGES, TAKES_ROOM, int, 0); }

/* Looks: what reading the world may be refused. */
DIR *opendir(const char *path) {
    char place[8192];
    REAL(opendir);
    if (armed(LOOKS) && of_path(AT_FDCWD, path, place, sizeof place) && fault("scan", place, TAKES_NONE) == 1) return NULL;
    return real_opendir(path);
}
DIR *fdopendir(int fd) {
    char place[8192];
    REAL(fdopendir);
    if (armed(LOOKS) && of_descriptor(fd, place, sizeof place) && fault("scan", place, TAKES_NONE) == 1) return NULL;
    return real_fdopendir(fd);
}
ssize_t readlink(const char *path, char *out, size_t size) { REAL(readlink); NAMED("readlink", AT_FDCWD, path, LOOKS, TAKES_NONE, ssize_t, real_readlink(path, out, size)); }
ssize_t readlinkat(int folder, const char *path, char *out, size_t size) { REAL(readlinkat); NAMED("readlink", folder, path, LOOKS, TAKES_NONE, ssize_t, real_readlinkat(folder, path, out, size)); }
ssize_t read(int fd, void *data, size_t size) { REAL(read); HELD("read", fd, LOOKS, TAKES_NONE, ssize_t, real_read(fd, data, size)); }
int stat(const char *path, struct stat *out) { REAL(stat); NAMED("stat", AT_FDCWD, path, LOOKS, TAKES_NONE, int, real_stat(path, out)); }
int stat64(const char *path, struct stat64 *out) { REAL(stat64); NAMED("stat", AT_FDCWD, path, LOOKS, TAKES_NONE, int, real_stat64(path, out)); }
int lstat(const char *path, struct stat *out) { REAL(lstat); NAMED("stat", AT_FDCWD, path, LOOKS, TAKES_NONE, int, real_lstat(path, out)); }
int lstat64(const char *path, struct stat64 *out) { REAL(lstat64); NAMED("stat", AT_FDCWD, path, LOOKS, TAKES_NONE, int, real_lstat64(path, out)); }
int fstatat(int folder, const char *path, struct stat *out, int flags) { REAL(fstatat); NAMED("stat", folder, path, LOOKS, TAKES_NONE, int, real_fstatat(folder, path, out, flags)); }
int fstatat64(int folder, const char *path, struct stat64 *out, int flags) { REAL(fstatat64); NAMED("stat", folder, path, LOOKS, TAKES_NONE, int, real_fstatat64(folder, path, out, flags)); }
