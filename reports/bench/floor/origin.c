// A neutral origin for measurements: one event of 100 bytes a stream and interval, or as many as fit.
//
//   origin PORT [interval_ms | 0] [chunked]      cc -O2 -o origin origin.c
//
// Interval 0 writes as fast as each socket takes it. Streams are spread evenly over the interval, so
// that the client sees a steady rate. The data of an event is {"ts":MICROSECONDS,…}, stamped right
// before the write; ids count from 1 on each connection. GET /sent answers how many were sent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENT = 100, SLOT_MS = 5, BATCH = 256 };
struct stream { int next, before, slot; uint32_t seq; char live; };
static struct stream *streams;
static int *slots, slot_count, turn, interval, chunked, epoll;
static uint64_t sent, open_now;

static uint64_t now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static void drop(int fd) {
    struct stream *s = &streams[fd];
    if (s->live) open_now--;
    if (s->live && interval) {
        if (s->next >= 0) streams[s->next].before = s->before;
        if (s->before >= 0) streams[s->before].next = s->next;
        else slots[s->slot] = s->next;
    }
    s->live = 0;
    close(fd);
}

static int event(char *out, struct stream *s, uint64_t stamp) {
    char text[EVENT + 1];
    int n = snprintf(text, sizeof text, "id: %u\ndata: {\"ts\":%llu,\"pad\":\"", ++s->seq, (unsigned long long)stamp);
    memset(text + n, 'x', EVENT - 4 - n);
    memcpy(text + EVENT - 4, "\"}\n\n", 4);
    if (!chunked) return memcpy(out, text, EVENT), EVENT;
    memcpy(out, "64\r\n", 4);
    memcpy(out + 4, text, EVENT);
    memcpy(out + 4 + EVENT, "\r\n", 2);
    return EVENT + 6;
}

static int head(char *out) {
    return sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n%s\r\n",
                   chunked ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n");
}

static void push(int fd, int count) {
    static char out[BATCH * (EVENT + 6)];
    int n = 0;
    uint64_t stamp = now_us(CLOCK_REALTIME);
    for (int i = 0; i < count; i++) n += event(out + n, &streams[fd], stamp);
    for (int done = 0; done < n;) {
        ssize_t w = send(fd, out + done, n - done, MSG_NOSIGNAL);
        if (w > 0) { done += w; continue; }
        if (errno != EAGAIN) return drop(fd);
        if (interval) { // A reader that is full loses its place: this origin never queues.
            fprintf(stderr, "origin: a client does not read\n");
            return drop(fd);
        }
        struct timespec ms = {0, 20000};
        nanosleep(&ms, 0);
    }
    sent += count;
}

static void asked(int fd) {
    char in[4096], out[512];
    ssize_t n = recv(fd, in, sizeof in - 1, 0);
    if (n <= 0) { if (n == 0 || errno != EAGAIN) drop(fd); return; }
    if (streams[fd].live) return;
    in[n] = 0;
    if (!strncmp(in, "GET /sent", 9)) {
        struct rusage used;
        getrusage(RUSAGE_SELF, &used);
        double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
        char body[128];
        int len = sprintf(body, "{\"sent\":%llu,\"open\":%llu,\"cpu_seconds\":%.3f}\n", (unsigned long long)sent, (unsigned long long)open_now, cpu);
        n = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len, body);
        send(fd, out, n, MSG_NOSIGNAL);
        return drop(fd);
    }
    send(fd, out, head(out), MSG_NOSIGNAL);
    struct stream *s = &streams[fd];
    s->live = 1, s->seq = 0, open_now++;
    if (interval) {
        s->slot = turn++ % slot_count;
        s->next = slots[s->slot], s->before = -1;
        if (s->next >= 0) streams[s->next].before = fd;
        slots[s->slot] = fd;
    } else {
        struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e);
    }
}

static void tick(int slot) {
    for (int fd = slots[slot]; fd >= 0;) {
        int next = streams[fd].next;
        push(fd, 1);
        fd = next;
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: origin PORT [interval_ms|0] [chunked]\n"), 2;
    interval = argc > 2 ? atoi(argv[2]) : 1000;
    chunked = argc > 3 && !strcmp(argv[3], "chunked");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    streams = calloc(files.rlim_cur, sizeof *streams);
    slot_count = interval ? interval / SLOT_MS : 1;
    slots = malloc(slot_count * sizeof *slots);
    memset(slots, -1, slot_count * sizeof *slots);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (bind(listener, (void *)&any, sizeof any) || listen(listener, 65535)) return perror("origin"), 1;
    epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[1024];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    uint64_t begun = now_us(CLOCK_MONOTONIC), done = 0;
    for (;;) {
        int n = epoll_wait(epoll, ready, 1024, interval ? SLOT_MS : 100);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                for (int k = 0; k < 256; k++) {
                    int client = accept4(listener, 0, 0, SOCK_NONBLOCK);
                    if (client < 0) break;
                    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    streams[client].live = 0;
                    struct epoll_event c = {.events = EPOLLIN, .data.fd = client};
                    epoll_ctl(epoll, EPOLL_CTL_ADD, client, &c);
                }
            } else if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) asked(fd);
            else if (ready[i].events & EPOLLOUT) push(fd, BATCH);
        }
        if (!interval) continue;
        uint64_t due = (now_us(CLOCK_MONOTONIC) - begun) / (SLOT_MS * 1000);
        for (int behind = 0; done < due && behind < slot_count; behind++) tick(done++ % slot_count);
    }
}
