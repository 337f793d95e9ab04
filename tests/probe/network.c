/* The network, and sockets of all kinds. */
#define _GNU_SOURCE
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)number(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return address;
}

static int connect_over(int protocol, const char *port)
{
	int fd = socket(AF_INET, SOCK_STREAM, protocol);
	if (fd < 0)
		return errno;
	struct sockaddr_in address = loopback(port);
	return connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : DID;
}

static int tcp_connect(char **a)
{
	return connect_over(IPPROTO_TCP, a[0]);
}

static int mptcp_connect(char **a)
{
	return connect_over(IPPROTO_MPTCP, a[0]);
}

static int tcp6_connect(char **a)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0)
		return errno;
	/* ::ffff:127.0.0.1, which is the listener of IPv4. */
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)number(a[0]))};
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
	return connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : DID;
}

static int tcp_fast_open(char **a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return errno;
	struct sockaddr_in address = loopback(a[0]);
	ssize_t sent = sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof address);
	return sent < 0 ? errno : DID;
}

/* Listens, says where, and waits for a visitor, or for the end of standard input when nobody can come. */
static int tcp_listen(char **a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return errno;
	struct sockaddr_in address = loopback(a[0]);
	socklen_t length = sizeof address;
	if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		return errno;
	printf("listening %d\n", ntohs(address.sin_port));
	fflush(stdout);
	struct pollfd events[] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	if (poll(events, 2, -1) < 0)
		return misused("poll failed");
	return events[0].revents ? DID : EHOSTUNREACH;
}

static int udp_send(char **a)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return errno;
	struct sockaddr_in address = loopback(a[0]);
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address) < 0 ? errno : DID;
}

static int connect_unix(int kind, const char *name, int is_abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	if (length + 1 >= sizeof address.sun_path)
		return misused("the name is too long for a socket");
	memcpy(address.sun_path + is_abstract, name, length);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	int fd = socket(AF_UNIX, kind, 0);
	if (fd < 0)
		return errno;
	return connect(fd, (struct sockaddr *)&address, size) ? errno : DID;
}

static int unix_connect(char **a)
{
	return connect_unix(SOCK_STREAM, a[0], 0);
}

/* Such a pair is connected, and sends to any address all the same. */
static int datagram_pair(char **a)
{
	(void)a;
	int pair[2];
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ? errno : DID;
}

static int abstract_connect(char **a)
{
	return connect_unix(SOCK_STREAM, a[0], 1);
}

/* Sends a request to the kernel and hands every message of the answer to `seen` until that answers other than ENODATA. */
static int ask_kernel(int protocol, struct nlmsghdr *request, int (*seen)(const struct nlmsghdr *, long), long wanted)
{
	static char answer[1 << 16] __attribute__((aligned(NLMSG_ALIGNTO)));
	int fd = socket(AF_NETLINK, SOCK_RAW, protocol);
	if (fd < 0)
		return errno;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return errno;
	for (;;) {
		ssize_t length = recv(fd, answer, sizeof answer, 0);
		if (length < 0)
			return errno;
		struct nlmsghdr *message = (struct nlmsghdr *)answer;
		for (unsigned left = (unsigned)length; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return ENODATA;
			if (message->nlmsg_type == NLMSG_ERROR)
				return -((struct nlmsgerr *)NLMSG_DATA(message))->error;
			int result = seen(message, wanted);
			if (result != ENODATA)
				return result;
		}
	}
}

static int is_real_interface(const struct nlmsghdr *message, long wanted)
{
	(void)wanted;
	const struct ifinfomsg *interface = NLMSG_DATA(message);
	return interface->ifi_flags & 8 /* IFF_LOOPBACK */ ? ENODATA : DID;
}

static int netlink_interfaces(char **a)
{
	(void)a;
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body;
	} request = {
		.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};
	return ask_kernel(NETLINK_ROUTE, &request.header, is_real_interface, 0);
}

static int is_listener(const struct nlmsghdr *message, long port)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	return ntohs(socket->id.idiag_sport) == port ? DID : ENODATA;
}

static int netlink_sockets(char **a)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u},
	};
	return ask_kernel(NETLINK_SOCK_DIAG, &request.header, is_listener, number(a[0]));
}

static int proc_sockets(char **a)
{
	char line[512], wanted[16];
	snprintf(wanted, sizeof wanted, ":%04lX ", (unsigned long)number(a[0]));
	FILE *table = fopen("/proc/self/net/tcp", "r");
	if (!table)
		return errno;
	while (fgets(line, sizeof line, table))
		if (strstr(line, wanted))
			return DID;
	return ENODATA;
}

static int has_socket(int family, int kind, int protocol)
{
	return socket(family, kind, protocol) < 0 ? errno : DID;
}

static int vsock(char **a)
{
	(void)a;
	return has_socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int packet(char **a)
{
	(void)a;
	return has_socket(AF_PACKET, SOCK_RAW, 0);
}

static int raw(char **a)
{
	(void)a;
	return has_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int kernel_crypto(char **a)
{
	(void)a;
	return has_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

const struct attempt network_attempts[] = {
	{"tcp-connect", 1, tcp_connect, "connects to PORT of 127.0.0.1"},
	{"tcp6-connect", 1, tcp6_connect, "connects to PORT of 127.0.0.1 through IPv6"},
	{"tcp-listen", 1, tcp_listen, "listens at PORT of 127.0.0.1, 0 for any, and waits for a visitor"},
	{"tcp-fast-open", 1, tcp_fast_open, "sends to PORT of 127.0.0.1 without a connect"},
	{"mptcp-connect", 1, mptcp_connect, "connects to PORT of 127.0.0.1 with Multipath TCP"},
	{"udp-send", 1, udp_send, "sends a datagram to PORT of 127.0.0.1"},
	{"datagram-pair", 0, datagram_pair, "makes a pair of Unix sockets for datagrams"},
	{"unix-connect", 1, unix_connect, "connects to the socket PATH"},
	{"abstract-connect", 1, abstract_connect, "connects to the abstract socket NAME"},
	{"netlink-interfaces", 0, netlink_interfaces, "asks for network interfaces other than the loopback"},
	{"netlink-sockets", 1, netlink_sockets, "looks for the listener at PORT among the kernel's sockets"},
	{"proc-sockets", 1, proc_sockets, "looks for the listener at PORT in /proc"},
	{"vsock", 0, vsock, "creates a socket to the hypervisor"},
	{"packet", 0, packet, "creates a packet socket"},
	{"raw", 0, raw, "creates a raw socket"},
	{"kernel-crypto", 0, kernel_crypto, "creates a socket to the kernel's cryptography"},
	{0},
};
