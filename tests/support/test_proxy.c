/* SPDX-License-Identifier: Apache-2.0
 * test_proxy.c: a TCP proxy that cuts at COMMIT, see test_proxy.h. */
#include "support/test_proxy.h"

#include "base/task.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, PIECE_BYTES = 64 * 1024, WAKE_MS = 20 };

struct link {
    struct proxy *proxy;
    struct task *task;
    int client;
};

struct proxy {
    struct lock lock; /* guards all below */
    enum proxy_cut cut;
    bool refuse_after_cut, refusing, ending;
    int cuts, pieces;
    int listener, server_port;
    struct task *task;
    struct link links[CONNECTIONS_MAX];
    int count;
};

static bool ending(struct proxy *proxy) {
    lock_take(&proxy->lock);
    bool now = proxy->ending;
    lock_give(&proxy->lock);
    return now;
}

static bool send_all(int to, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(to, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

/* Takes the order to cut, once, when these bytes carry a COMMIT. */
static enum proxy_cut cut_wanted(struct proxy *proxy, const char *bytes, size_t count) {
    static const char commit[] = "COMMIT"; /* with its NUL, as Parse has it */
    enum proxy_cut cut = PROXY_PASS;
    if (memmem(bytes, count, commit, sizeof(commit)) == NULL) {
        return cut;
    }
    lock_take(&proxy->lock);
    cut = proxy->cut;
    if (cut != PROXY_PASS) {
        proxy->cut = PROXY_PASS;
        proxy->refusing = proxy->refuse_after_cut;
    }
    lock_give(&proxy->lock);
    return cut;
}

/* Counted when what the cut promises is true: a test that waits for the count may then, say, kill
 * the server and still know that it had committed. The client learns of the cut after that. */
static void cut_done(struct proxy *proxy) {
    lock_take(&proxy->lock);
    proxy->cuts++;
    lock_give(&proxy->lock);
}

/* From client to server. False: the connection ends here. */
static bool pass_on(struct link *link, int server, char *bytes) {
    ssize_t got = recv(link->client, bytes, PIECE_BYTES, 0);
    if (got <= 0) {
        return false;
    }
    enum proxy_cut cut = cut_wanted(link->proxy, bytes, (size_t)got);
    lock_take(&link->proxy->lock);
    link->proxy->pieces++;
    lock_give(&link->proxy->lock);
    bool sent = cut != PROXY_CUT_INSTEAD && send_all(server, bytes, (size_t)got);
    if (sent && cut == PROXY_CUT_AFTER) {
        /* The server sends what it has to say about a COMMIT when it is done with it. */
        (void)recv(server, bytes, PIECE_BYTES, 0);
    }
    if (cut != PROXY_PASS) {
        cut_done(link->proxy);
    }
    return sent && cut == PROXY_PASS;
}

static bool pass_back(struct link *link, int server, char *bytes) {
    ssize_t got = recv(server, bytes, PIECE_BYTES, 0);
    return got > 0 && send_all(link->client, bytes, (size_t)got);
}

static int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void link_main(void *arg) {
    struct link *link = arg;
    char *bytes = malloc(PIECE_BYTES);
    int server = connect_to(link->proxy->server_port);
    bool open = server >= 0 && bytes != NULL;
    while (open && !ending(link->proxy)) {
        struct pollfd both[] = {{.fd = link->client, .events = POLLIN},
                                {.fd = server, .events = POLLIN}};
        if (poll(both, 2, WAKE_MS) <= 0) {
            continue;
        }
        if (both[0].revents != 0) {
            open = pass_on(link, server, bytes);
        }
        if (open && both[1].revents != 0) {
            open = pass_back(link, server, bytes);
        }
    }
    close(link->client);
    if (server >= 0) {
        close(server);
    }
    free(bytes);
}

static void accept_main(void *arg) {
    struct proxy *proxy = arg;
    while (!ending(proxy)) {
        struct pollfd wanted = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&wanted, 1, WAKE_MS) <= 0) {
            continue;
        }
        int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        lock_take(&proxy->lock);
        bool refusing = proxy->refusing;
        lock_give(&proxy->lock);
        if (client < 0 || refusing) {
            close(client);
            continue;
        }
        INVARIANT(proxy->count < CONNECTIONS_MAX, "the proxy has no room for more connections");
        struct link *link = &proxy->links[proxy->count++];
        *link = (struct link){.proxy = proxy, .client = client};
        link->task = task_start("proxy-link", 0, link_main, link);
        INVARIANT(link->task != NULL, "the proxy's task starts");
    }
}

struct proxy *proxy_start(int server_port, int *ret_port) {
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    INVARIANT(proxy != NULL, "there is memory for a proxy");
    lock_init(&proxy->lock);
    proxy->server_port = server_port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) == 0,
              "the proxy has a port");
    INVARIANT(listen(proxy->listener, 64) == 0, "the proxy listens");
    INVARIANT(getsockname(proxy->listener, (struct sockaddr *)&address, &length) == 0,
              "the proxy knows its port");
    *ret_port = ntohs(address.sin_port);
    proxy->task = task_start("proxy", 0, accept_main, proxy);
    INVARIANT(proxy->task != NULL, "the proxy's task starts");
    return proxy;
}

void proxy_stop(struct proxy *proxy) {
    lock_take(&proxy->lock);
    proxy->ending = true;
    lock_give(&proxy->lock);
    task_join(proxy->task);
    for (int i = 0; i < proxy->count; i++) {
        task_join(proxy->links[i].task);
    }
    close(proxy->listener);
    lock_free(&proxy->lock);
    free(proxy);
}

void proxy_arm(struct proxy *proxy, enum proxy_cut cut, bool refuse) {
    lock_take(&proxy->lock);
    proxy->cut = cut;
    proxy->refuse_after_cut = refuse;
    lock_give(&proxy->lock);
}

void proxy_accept(struct proxy *proxy) {
    lock_take(&proxy->lock);
    proxy->refusing = false;
    lock_give(&proxy->lock);
}

int proxy_cuts(struct proxy *proxy) {
    lock_take(&proxy->lock);
    int cuts = proxy->cuts;
    lock_give(&proxy->lock);
    return cuts;
}

int proxy_pieces(struct proxy *proxy) {
    lock_take(&proxy->lock);
    int pieces = proxy->pieces;
    lock_give(&proxy->lock);
    return pieces;
}
