/* A bare epoll echo server: the least CPU that a request can cost here, as a mark for `benches/cases/echo.py`.
 *
 * It speaks as `benches/echo_server.py` does: it prints an echoing address and a telling port, answers the telling
 * connection with its CPU time in nanoseconds, and ends when that one does. What cannot be sent at once is waited for.
 *
 * It echoes over TCP; with the argument `udp` datagrams, with a path over a Unix socket. With -DWITH_TLS it echoes over
 * TLS, by OpenSSL on its sockets; its argument is the file of certificate and key. `echo_floor.c` has Python echo.
 */
#define _GNU_SOURCE /* accept4 */
#ifdef WITH_PYTHON
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

enum { MOST_FDS = 4096 };
static int epoll;

static void check(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static int bind_to_loopback(int type, unsigned short *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type, 0);
    check(fd, "socket");
    check(bind(fd, (struct sockaddr *)&address, size), "bind");
    if (type == SOCK_STREAM) check(listen(fd, 128), "listen");
    check(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    *port = ntohs(address.sin_port);
    watch(fd);
    return fd;
}

static int listen_on_path(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    check(fd, "socket");
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    check(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(fd, 128), "listen");
    watch(fd);
    return fd;
}

static int accept_one(int listener) {
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    check(fd, "accept4");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd);
    return fd;
}

static void send_all(int fd, const char *data, ssize_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            if (errno != EAGAIN) return;
            poll(&writable, 1, -1);
            continue;
        }
        data += sent;
        size -= sent;
    }
}

static void tell_cpu_time(int fd) {
    char text[32];
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    send_all(fd, text, snprintf(text, sizeof text, "%lld\n", used.tv_sec * 1000000000LL + used.tv_nsec));
}

/* Echoes what has arrived; tells whether the connection goes on. */
#ifdef WITH_TLS
static SSL_CTX *context;
static SSL *connections[MOST_FDS];

static void prepare(char **arguments) {
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(context, 1);
    if (!arguments[1] || SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, arguments[1], SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "no certificate\n");
        exit(1);
    }
}

static void begin(int fd) {
    if (fd >= MOST_FDS) exit(1);
    connections[fd] = SSL_new(context);
    SSL_set_fd(connections[fd], fd);
    SSL_set_accept_state(connections[fd]);
}

static int echo(int fd, char *data, int size) {
    SSL *connection = connections[fd];
    int received;
    while ((received = SSL_read(connection, data, size)) > 0) {
        while (SSL_write(connection, data, received) <= 0) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            poll(&writable, 1, -1);
        }
        if (!SSL_has_pending(connection)) return 1;
    }
    if (SSL_get_error(connection, received) == SSL_ERROR_WANT_READ) return 1;
    SSL_free(connection);
    return 0;
}
#elif defined WITH_PYTHON
static void prepare(char **arguments);
static void begin(int fd);
static int echo(int fd, char *data, int size);
static void echo_datagrams(int fd, char *data, int size);
#else
static void prepare(char **arguments) { (void)arguments; }
static void begin(int fd) { (void)fd; }

static int echo(int fd, char *data, int size) {
    ssize_t received = recv(fd, data, size, 0);
    if (received <= 0) return 0;
    send_all(fd, data, received);
    return 1;
}
#endif

#ifndef WITH_PYTHON
#define Py_BEGIN_ALLOW_THREADS
#define Py_END_ALLOW_THREADS

static void echo_datagrams(int fd, char *data, int size) {
    struct sockaddr_in from;
    for (;;) {
        socklen_t length = sizeof from;
        ssize_t received = recvfrom(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (received < 0) return;
        sendto(fd, data, received, MSG_DONTWAIT, (struct sockaddr *)&from, length);
    }
}
#endif

/* Says where it echoes. */
static int begin_to_echo(const char *where) {
    unsigned short port;
    int fd;
    if (where && strchr(where, '/')) {
        fd = listen_on_path(where);
        printf("%s ", where);
        return fd;
    }
    fd = bind_to_loopback(where ? SOCK_DGRAM : SOCK_STREAM, &port);
    printf("%s%d ", where ? "udp:" : "", port);
    return fd;
}

static int serve(char **arguments) {
    static char data[256 * 1024];
    struct epoll_event events[64];
    unsigned short tell_port;
    const char *where = NULL;
    prepare(arguments);
#ifndef WITH_TLS
    where = arguments[1];
#endif
    epoll = epoll_create1(0);
    check(epoll, "epoll_create1");
    int echo_socket = begin_to_echo(where);
    int tell_listener = bind_to_loopback(SOCK_STREAM, &tell_port);
    int with_datagrams = where && !strchr(where, '/');
    int teller = -1;
    printf("%d\n", tell_port);
    fflush(stdout);

    for (;;) {
        int ready;
        Py_BEGIN_ALLOW_THREADS
        ready = epoll_wait(epoll, events, 64, -1);
        Py_END_ALLOW_THREADS
        check(ready, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == echo_socket && with_datagrams) {
                echo_datagrams(fd, data, sizeof data);
            } else if (fd == echo_socket) {
                begin(accept_one(fd));
            } else if (fd == tell_listener) {
                teller = accept_one(fd);
            } else if (fd == teller) {
                if (recv(fd, data, sizeof data, 0) <= 0) return 0;
                tell_cpu_time(fd);
            } else if (!echo(fd, data, sizeof data)) {
                close(fd);
            }
        }
    }
}

#ifndef WITH_PYTHON
int main(int count, char **arguments) {
    (void)count;
    return serve(arguments);
}
#endif
