/* A disk that stands still while it is told to: what waits for it waits. Preloaded by `tests/media/preloaded`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static volatile int standing;

void stand(int still)
{
    standing = still;
}

static int through(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    while (standing)
        usleep(1000);
    return real(fd);
}

int fdatasync(int fd)
{
    return through("fdatasync", fd);
}

int fsync(int fd)
{
    return through("fsync", fd);
}
