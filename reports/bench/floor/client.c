// The floor: the least a client can spend on event streams. It reads into one shared buffer, counts
// the empty lines, and does nothing else: no parser, no accounting, no histogram.
//
//   client PORT STREAMS SECONDS [RAMP_SECONDS] [ADDRESSES] [PATH]      cc -O2 -o client client.c
//
// Connects to 127.0.0.1 and so many addresses after it, and asks for /events or that path. Prints events, CPU-seconds and peak memory, of the
// time after the ramp.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(struct rusage *used) {
    getrusage(RUSAGE_SELF, used);
    return used->ru_utime.tv_sec + used->ru_stime.tv_sec + (used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: client PORT STREAMS SECONDS [RAMP] [ADDRESSES] [PATH]\n"), 2;
    int count = atoi(argv[2]), addresses = argc > 5 ? atoi(argv[5]) : 1, opened = 0, closed = 0;
    double hold = atof(argv[3]), ramp = argc > 4 ? atof(argv[4]) : 1;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    char request[512], *ended = calloc(files.rlim_cur, 1);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n",
                          argc > 6 ? argv[6] : "/events");
    if (length >= (int)sizeof request) return fprintf(stderr, "client: the path is too long\n"), 2;
    static char buffer[65536];
    int epoll = epoll_create1(0);
    struct epoll_event ready[1024];
    double begun = seconds(), cpu_before = 0;
    uint64_t events = 0, bytes = 0, before = 0;
    struct rusage used;
    int steady = 0;
    for (;;) {
        double now = seconds() - begun;
        int due = now >= ramp ? count : (int)(count * now / ramp);
        for (; opened < due; opened++) {
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + opened % addresses);
            if (fd < 0 || (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS)) return perror("client"), 1;
            struct epoll_event e = {.events = EPOLLOUT, .data.fd = fd};
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
        }
        if (!steady && now > ramp + 1) steady = 1, cpu_before = cpu(&used), before = events;
        if (now > ramp + 1 + hold) break;
        int n = epoll_wait(epoll, ready, 1024, steady ? 100 : 1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (ready[i].events & EPOLLOUT) {
                send(fd, request, length, MSG_NOSIGNAL);
                struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
                epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e);
                continue;
            }
            ssize_t got;
            do {
                got = recv(fd, buffer, sizeof buffer, 0);
                if (got <= 0) break;
                bytes += got;
                for (char *at = buffer, *end = buffer + got; (at = memmem(at, end - at, "\n\n", 2)); at += 2) events++;
            } while (got == sizeof buffer);
            if (got == 0 && !ended[fd]) ended[fd] = 1, closed++, epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0);
        }
    }
    double spent = cpu(&used) - cpu_before;
    events -= before;
    printf("streams %d, closed %d, events %llu, bytes %llu, cpu %.3f s, %.4f cpu-s per 100,000 events, %.2f million events per cpu-s, %ld KiB\n",
           opened, closed, (unsigned long long)events, (unsigned long long)bytes, spent, spent / events * 1e5, events / spent / 1e6, used.ru_maxrss);
    return 0;
}
