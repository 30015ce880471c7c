/* A disk that is slow, or fails, when a file says so: "delay MILLISECONDS" or "fail". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int in_trouble(void) {
    const char *path = getenv("DISK_TROUBLE");
    char said[64] = {0};
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, said, sizeof said - 1);
    close(file);
    if (length > 0 && strncmp(said, "delay ", 6) == 0) usleep(1000 * (useconds_t)atoi(said + 6));
    return length > 0 && strncmp(said, "fail", 4) == 0;
}

static int after_trouble(const char *name, int file) {
    if (in_trouble()) {
        errno = EIO;
        return -1;
    }
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return sync(file);
}

int fsync(int file) { return after_trouble("fsync", file); }
int fdatasync(int file) { return after_trouble("fdatasync", file); }
