// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vhost-net device, one function each, and what to say when one fails.
 *
 * Callers: everything in tools/ and tests/. See vhc.h for the two forms of each ioctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "vhc.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void (*failure_handler)(const char *message);

/**
 * vhc_on_failure() - say what happens when something that must work does not
 * @handler: gets the message and does not return; NULL for the default, which prints it
 *	on stderr and exits with status 1.
 */
void vhc_on_failure(void (*handler)(const char *message))
{
	failure_handler = handler;
}

/**
 * vhc_fail() - give up
 * @format: what went wrong and what to do next, as for printf().
 */
void vhc_fail(const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (failure_handler)
		failure_handler(message);
	fprintf(stderr, "%s\n", message);
	exit(EXIT_FAILURE);
}

/* What to call an ioctl in a message. */
static const struct {
	unsigned long request;
	const char *name;
} names[] = {
	{ VHOST_GET_FEATURES, "VHOST_GET_FEATURES" },
	{ VHOST_SET_FEATURES, "VHOST_SET_FEATURES" },
	{ VHOST_SET_OWNER, "VHOST_SET_OWNER" },
	{ VHOST_RESET_OWNER, "VHOST_RESET_OWNER" },
	{ VHOST_SET_MEM_TABLE, "VHOST_SET_MEM_TABLE" },
	{ VHOST_SET_LOG_BASE, "VHOST_SET_LOG_BASE" },
	{ VHOST_SET_LOG_FD, "VHOST_SET_LOG_FD" },
	{ VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM" },
	{ VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR" },
	{ VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE" },
	{ VHOST_GET_VRING_BASE, "VHOST_GET_VRING_BASE" },
	{ VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK" },
	{ VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL" },
	{ VHOST_SET_VRING_ERR, "VHOST_SET_VRING_ERR" },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "VHOST_SET_VRING_BUSYLOOP_TIMEOUT" },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "VHOST_GET_VRING_BUSYLOOP_TIMEOUT" },
	{ VHOST_SET_BACKEND_FEATURES, "VHOST_SET_BACKEND_FEATURES" },
	{ VHOST_GET_BACKEND_FEATURES, "VHOST_GET_BACKEND_FEATURES" },
	{ VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND" },
	{ VHOST_CUSTOM_GET_STATS_FD, "VHOST_CUSTOM_GET_STATS_FD" },
	{ VHOST_CUSTOM_SET_MODERATION, "VHOST_CUSTOM_SET_MODERATION" },
};

/* Why an ioctl usually fails; request 0 stands for any. The first match counts. */
static const struct {
	unsigned long request;
	int error;
	const char *cause;
} causes[] = {
	{ VHOST_SET_OWNER, EBUSY, "this file has an owner already; open the device once more" },
	{ VHOST_SET_OWNER, ENOMEM, "the kernel could not start a worker thread" },
	{ VHOST_SET_FEATURES, EOPNOTSUPP,
	  "a feature that the device does not offer; ask for fewer with --features" },
	{ VHOST_SET_FEATURES, EBUSY, "a queue runs; set its backend to -1 first" },
	{ VHOST_SET_FEATURES, EFAULT, "LOG_ALL without a valid log: set its base first" },
	{ VHOST_SET_BACKEND_FEATURES, EOPNOTSUPP, "a backend feature that is not offered" },
	{ VHOST_SET_MEM_TABLE, E2BIG, "more regions than vhost's max_mem_regions" },
	{ VHOST_SET_MEM_TABLE, EFAULT, "a region is empty, wraps, or is not user memory" },
	{ VHOST_SET_VRING_NUM, EINVAL, "a ring has up to 32768 entries, a split one 2^n" },
	{ VHOST_SET_VRING_NUM, EBUSY, "the queue runs; set its backend to -1 first" },
	{ VHOST_SET_VRING_BASE, EBUSY, "the queue runs; set its backend to -1 first" },
	{ VHOST_SET_VRING_ADDR, EINVAL, "a ring address is misaligned or is not user memory" },
	{ VHOST_NET_SET_BACKEND, EFAULT, "the rings or the memory table are not set up" },
	{ VHOST_NET_SET_BACKEND, ENOTSOCK, "the file is no tap, tun, macvtap or packet socket" },
	{ 0, EPERM, "not the owner: VHOST_SET_OWNER was not called, or by another process" },
	{ 0, ENOBUFS, "there is no queue of that index" },
	{ 0, EBADF, "the file descriptor in the argument is not open" },
	{ 0, EINVAL, "an argument is out of range, or its file is no eventfd" },
	{ 0, ENOTTY, "the device does not know this ioctl; is it a vhost-net device?" },
	{ 0, EFAULT, "an address in the argument is not accessible" },
};

static const char *name_of(unsigned long request)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].request == request)
			return names[i].name;
	return "ioctl";
}

static const char *cause_of(unsigned long request, int error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(causes); i++)
		if ((!causes[i].request || causes[i].request == request) &&
		    causes[i].error == error)
			return causes[i].cause;
	return "the kernel log may say more (dmesg)";
}

static void check(const struct vhc_dev *dev, unsigned long request, int result)
{
	if (result < 0)
		vhc_fail("%s on %s: %s: %s", name_of(request), dev->path, strerror(-result),
			 cause_of(request, -result));
}

/**
 * __vhc_ioctl() - any ioctl
 * @dev: the device.
 * @request: its number.
 * @arg: its argument.
 *
 * Return: what the kernel returned, or -errno.
 */
int __vhc_ioctl(const struct vhc_dev *dev, unsigned long request, void *arg)
{
	int result = ioctl(dev->fd, request, arg);

	return result < 0 ? -errno : result;
}

/**
 * __vhc_open() - open a device
 * @dev: filled.
 * @path: of the device; must stay valid.
 *
 * Return: 0 or -errno.
 */
int __vhc_open(struct vhc_dev *dev, const char *path)
{
	dev->path = path;
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	return dev->fd < 0 ? -errno : 0;
}

/**
 * vhc_open() - open a device, or give up
 * @dev: filled.
 * @path: of the device; must stay valid.
 */
void vhc_open(struct vhc_dev *dev, const char *path)
{
	int error = -__vhc_open(dev, path);

	if (error == ENOENT || error == ENXIO || error == ENODEV)
		vhc_fail("%s: %s: is its module loaded? (modprobe vhost_net, or make load)", path,
			 strerror(error));
	if (error)
		vhc_fail("%s: %s", path, strerror(error));
}

/**
 * vhc_close() - close a device
 * @dev: the device.
 */
void vhc_close(struct vhc_dev *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

/**
 * vhc_is_custom() - does the device have vhost_custom's counters?
 * @dev: the device.
 *
 * Return: true if it does.
 */
bool vhc_is_custom(const struct vhc_dev *dev)
{
	int fd = __vhc_get_stats_fd(dev, VHC_RX);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static const struct {
	const char *name;
	uint64_t mask;
} features_known[] = {
	{ "mrg_rxbuf", VHC_F_MRG_RXBUF },
	{ "notify_on_empty", VHC_F_NOTIFY_ON_EMPTY },
	{ "log_all", VHC_F_LOG_ALL },
	{ "any_layout", VHC_F_ANY_LAYOUT },
	{ "indirect", VHC_F_INDIRECT },
	{ "event_idx", VHC_F_EVENT_IDX },
	{ "version_1", VHC_F_VERSION_1 },
	{ "access_platform", VHC_F_ACCESS_PLATFORM },
	{ "ring_packed", VHC_F_RING_PACKED },
	{ "in_order", VHC_F_IN_ORDER },
	{ "ring_reset", VHC_F_RING_RESET },
};

/**
 * vhc_feature_names() - features in words
 * @features: mask.
 * @text: where the words go, with '+' between them.
 * @size: of @text.
 *
 * Return: @text.
 */
const char *vhc_feature_names(uint64_t features, char *text, unsigned int size)
{
	unsigned int i, used = 0;

	snprintf(text, size, "none");
	for (i = 0; i < ARRAY_SIZE(features_known); i++) {
		if (!(features & features_known[i].mask) || used >= size)
			continue;
		used += snprintf(text + used, size - used, "%s%s", used ? "+" : "",
				 features_known[i].name);
	}
	return text;
}

static int parse_feature(const char *word, uint64_t *features)
{
	unsigned int i;
	char *end;

	for (i = 0; i < ARRAY_SIZE(features_known); i++) {
		if (strcmp(word, features_known[i].name))
			continue;
		*features |= features_known[i].mask;
		return 0;
	}
	*features |= strtoull(word, &end, 0);
	return end == word || *end ? -EINVAL : 0;
}

/**
 * vhc_parse_features() - words or masks to features
 * @text: names and numbers with ',' or '+' between them; "none" for no feature.
 * @features: filled.
 *
 * Return: 0, or -EINVAL for a word that is neither.
 */
int vhc_parse_features(const char *text, uint64_t *features)
{
	char copy[256], *word, *rest = copy;
	int error = 0;

	*features = 0;
	if (!strcmp(text, "none"))
		return 0;
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	while (!error && (word = strsep(&rest, ",+")))
		error = parse_feature(word, features);
	return error;
}

/**
 * __vhc_get_features() - VHOST_GET_FEATURES
 * @dev: the device.
 * @features: filled with what it offers.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_features(const struct vhc_dev *dev, uint64_t *features)
{
	return __vhc_ioctl(dev, VHOST_GET_FEATURES, features);
}

/**
 * vhc_get_features() - VHOST_GET_FEATURES, or give up
 * @dev: the device.
 *
 * Return: what it offers.
 */
uint64_t vhc_get_features(const struct vhc_dev *dev)
{
	uint64_t features = 0;

	check(dev, VHOST_GET_FEATURES, __vhc_get_features(dev, &features));
	return features;
}

/**
 * __vhc_set_features() - VHOST_SET_FEATURES
 * @dev: the device.
 * @features: what the driver accepted.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_features(const struct vhc_dev *dev, uint64_t features)
{
	return __vhc_ioctl(dev, VHOST_SET_FEATURES, &features);
}

/**
 * vhc_set_features() - VHOST_SET_FEATURES, or give up
 * @dev: the device.
 * @features: what the driver accepted.
 */
void vhc_set_features(const struct vhc_dev *dev, uint64_t features)
{
	check(dev, VHOST_SET_FEATURES, __vhc_set_features(dev, features));
}

/**
 * __vhc_set_tunnel_features() - VHOST_SET_FEATURES_ARRAY, with UDP tunnels
 * @dev: the device.
 * @features: what the driver accepted, but for features 65 and 67.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_tunnel_features(const struct vhc_dev *dev, uint64_t features)
{
	uint64_t array[] = { 2, features, 1 << (65 - 64) | 1 << (67 - 64) };

	return __vhc_ioctl(dev, VHOST_SET_FEATURES_ARRAY, array);
}

/**
 * vhc_set_tunnel_features() - VHOST_SET_FEATURES_ARRAY, with UDP tunnels, or give up
 * @dev: the device.
 * @features: what the driver accepted, but for features 65 and 67.
 */
void vhc_set_tunnel_features(const struct vhc_dev *dev, uint64_t features)
{
	check(dev, VHOST_SET_FEATURES_ARRAY, __vhc_set_tunnel_features(dev, features));
}

/**
 * __vhc_get_backend_features() - VHOST_GET_BACKEND_FEATURES
 * @dev: the device.
 * @features: filled with what it offers.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_backend_features(const struct vhc_dev *dev, uint64_t *features)
{
	return __vhc_ioctl(dev, VHOST_GET_BACKEND_FEATURES, features);
}

/**
 * vhc_get_backend_features() - VHOST_GET_BACKEND_FEATURES, or give up
 * @dev: the device.
 *
 * Return: what it offers.
 */
uint64_t vhc_get_backend_features(const struct vhc_dev *dev)
{
	uint64_t features = 0;

	check(dev, VHOST_GET_BACKEND_FEATURES, __vhc_get_backend_features(dev, &features));
	return features;
}

/**
 * __vhc_set_backend_features() - VHOST_SET_BACKEND_FEATURES
 * @dev: the device.
 * @features: mask of VHOST_BACKEND_F_x bits.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_backend_features(const struct vhc_dev *dev, uint64_t features)
{
	return __vhc_ioctl(dev, VHOST_SET_BACKEND_FEATURES, &features);
}

/**
 * vhc_set_backend_features() - VHOST_SET_BACKEND_FEATURES, or give up
 * @dev: the device.
 * @features: mask of VHOST_BACKEND_F_x bits.
 */
void vhc_set_backend_features(const struct vhc_dev *dev, uint64_t features)
{
	check(dev, VHOST_SET_BACKEND_FEATURES, __vhc_set_backend_features(dev, features));
}

/**
 * __vhc_set_owner() - VHOST_SET_OWNER
 * @dev: the device.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_owner(const struct vhc_dev *dev)
{
	return __vhc_ioctl(dev, VHOST_SET_OWNER, NULL);
}

/**
 * vhc_set_owner() - VHOST_SET_OWNER, or give up
 * @dev: the device.
 */
void vhc_set_owner(const struct vhc_dev *dev)
{
	check(dev, VHOST_SET_OWNER, __vhc_set_owner(dev));
}

/**
 * __vhc_reset_owner() - VHOST_RESET_OWNER
 * @dev: the device.
 *
 * Return: 0 or -errno.
 */
int __vhc_reset_owner(const struct vhc_dev *dev)
{
	return __vhc_ioctl(dev, VHOST_RESET_OWNER, NULL);
}

/**
 * vhc_reset_owner() - VHOST_RESET_OWNER, or give up
 * @dev: the device.
 */
void vhc_reset_owner(const struct vhc_dev *dev)
{
	check(dev, VHOST_RESET_OWNER, __vhc_reset_owner(dev));
}

/**
 * __vhc_set_mem_table() - VHOST_SET_MEM_TABLE
 * @dev: the device.
 * @table: where guest memory is.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_mem_table(const struct vhc_dev *dev, struct vhost_memory *table)
{
	return __vhc_ioctl(dev, VHOST_SET_MEM_TABLE, table);
}

/**
 * vhc_set_mem_table() - VHOST_SET_MEM_TABLE, or give up
 * @dev: the device.
 * @table: where guest memory is.
 */
void vhc_set_mem_table(const struct vhc_dev *dev, struct vhost_memory *table)
{
	check(dev, VHOST_SET_MEM_TABLE, __vhc_set_mem_table(dev, table));
}

/**
 * __vhc_set_log_base() - VHOST_SET_LOG_BASE
 * @dev: the device.
 * @base: address of the dirty bitmap.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_log_base(const struct vhc_dev *dev, uint64_t base)
{
	return __vhc_ioctl(dev, VHOST_SET_LOG_BASE, &base);
}

/**
 * vhc_set_log_base() - VHOST_SET_LOG_BASE, or give up
 * @dev: the device.
 * @base: address of the dirty bitmap.
 */
void vhc_set_log_base(const struct vhc_dev *dev, uint64_t base)
{
	check(dev, VHOST_SET_LOG_BASE, __vhc_set_log_base(dev, base));
}

/**
 * __vhc_set_log_fd() - VHOST_SET_LOG_FD
 * @dev: the device.
 * @fd: eventfd to signal on a log write, or -1.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_log_fd(const struct vhc_dev *dev, int fd)
{
	return __vhc_ioctl(dev, VHOST_SET_LOG_FD, &fd);
}

/**
 * vhc_set_log_fd() - VHOST_SET_LOG_FD, or give up
 * @dev: the device.
 * @fd: eventfd to signal on a log write, or -1.
 */
void vhc_set_log_fd(const struct vhc_dev *dev, int fd)
{
	check(dev, VHOST_SET_LOG_FD, __vhc_set_log_fd(dev, fd));
}

static int set_state(const struct vhc_dev *dev, unsigned long request, unsigned int index,
		     unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	return __vhc_ioctl(dev, request, &state);
}

static int get_state(const struct vhc_dev *dev, unsigned long request, unsigned int index,
		     unsigned int *num)
{
	struct vhost_vring_state state = { .index = index };
	int result = __vhc_ioctl(dev, request, &state);

	if (result >= 0)
		*num = state.num;
	return result;
}

static int set_file(const struct vhc_dev *dev, unsigned long request, unsigned int index,
		    int fd)
{
	struct vhost_vring_file file = { .index = index, .fd = fd };

	return __vhc_ioctl(dev, request, &file);
}

/**
 * __vhc_set_vring_num() - VHOST_SET_VRING_NUM
 * @dev: the device.
 * @index: queue.
 * @num: ring size.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_num(const struct vhc_dev *dev, unsigned int index, unsigned int num)
{
	return set_state(dev, VHOST_SET_VRING_NUM, index, num);
}

/**
 * vhc_set_vring_num() - VHOST_SET_VRING_NUM, or give up
 * @dev: the device.
 * @index: queue.
 * @num: ring size.
 */
void vhc_set_vring_num(const struct vhc_dev *dev, unsigned int index, unsigned int num)
{
	check(dev, VHOST_SET_VRING_NUM, __vhc_set_vring_num(dev, index, num));
}

/**
 * __vhc_set_vring_addr() - VHOST_SET_VRING_ADDR
 * @dev: the device.
 * @addr: where the ring is; names the queue too.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_addr(const struct vhc_dev *dev, struct vhost_vring_addr *addr)
{
	return __vhc_ioctl(dev, VHOST_SET_VRING_ADDR, addr);
}

/**
 * vhc_set_vring_addr() - VHOST_SET_VRING_ADDR, or give up
 * @dev: the device.
 * @addr: where the ring is; names the queue too.
 */
void vhc_set_vring_addr(const struct vhc_dev *dev, struct vhost_vring_addr *addr)
{
	check(dev, VHOST_SET_VRING_ADDR, __vhc_set_vring_addr(dev, addr));
}

/**
 * __vhc_set_vring_base() - VHOST_SET_VRING_BASE
 * @dev: the device.
 * @index: queue.
 * @base: where the device is to go on in the available ring.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int base)
{
	return set_state(dev, VHOST_SET_VRING_BASE, index, base);
}

/**
 * vhc_set_vring_base() - VHOST_SET_VRING_BASE, or give up
 * @dev: the device.
 * @index: queue.
 * @base: where the device is to go on in the available ring.
 */
void vhc_set_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int base)
{
	check(dev, VHOST_SET_VRING_BASE, __vhc_set_vring_base(dev, index, base));
}

/**
 * __vhc_get_vring_base() - VHOST_GET_VRING_BASE
 * @dev: the device.
 * @index: queue.
 * @base: filled with where the device stopped in the available ring.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_vring_base(const struct vhc_dev *dev, unsigned int index, unsigned int *base)
{
	return get_state(dev, VHOST_GET_VRING_BASE, index, base);
}

/**
 * vhc_get_vring_base() - VHOST_GET_VRING_BASE, or give up
 * @dev: the device.
 * @index: queue.
 *
 * Return: where the device stopped in the available ring.
 */
unsigned int vhc_get_vring_base(const struct vhc_dev *dev, unsigned int index)
{
	unsigned int base = 0;

	check(dev, VHOST_GET_VRING_BASE, __vhc_get_vring_base(dev, index, &base));
	return base;
}

/**
 * __vhc_set_vring_endian() - VHOST_SET_VRING_ENDIAN
 * @dev: the device.
 * @index: queue.
 * @endian: VHOST_VRING_LITTLE_ENDIAN or VHOST_VRING_BIG_ENDIAN.
 *
 * Return: 0 or -errno; -ENOTTY where the kernel is built without it.
 */
int __vhc_set_vring_endian(const struct vhc_dev *dev, unsigned int index, unsigned int endian)
{
	return set_state(dev, VHOST_SET_VRING_ENDIAN, index, endian);
}

/**
 * __vhc_get_vring_endian() - VHOST_GET_VRING_ENDIAN
 * @dev: the device.
 * @index: queue.
 * @endian: filled.
 *
 * Return: 0 or -errno; -ENOTTY where the kernel is built without it.
 */
int __vhc_get_vring_endian(const struct vhc_dev *dev, unsigned int index, unsigned int *endian)
{
	return get_state(dev, VHOST_GET_VRING_ENDIAN, index, endian);
}

/**
 * __vhc_set_vring_kick() - VHOST_SET_VRING_KICK
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the driver writes to, or -1.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_kick(const struct vhc_dev *dev, unsigned int index, int fd)
{
	return set_file(dev, VHOST_SET_VRING_KICK, index, fd);
}

/**
 * vhc_set_vring_kick() - VHOST_SET_VRING_KICK, or give up
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the driver writes to, or -1.
 */
void vhc_set_vring_kick(const struct vhc_dev *dev, unsigned int index, int fd)
{
	check(dev, VHOST_SET_VRING_KICK, __vhc_set_vring_kick(dev, index, fd));
}

/**
 * __vhc_set_vring_call() - VHOST_SET_VRING_CALL
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the device signals, or -1.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_call(const struct vhc_dev *dev, unsigned int index, int fd)
{
	return set_file(dev, VHOST_SET_VRING_CALL, index, fd);
}

/**
 * vhc_set_vring_call() - VHOST_SET_VRING_CALL, or give up
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the device signals, or -1.
 */
void vhc_set_vring_call(const struct vhc_dev *dev, unsigned int index, int fd)
{
	check(dev, VHOST_SET_VRING_CALL, __vhc_set_vring_call(dev, index, fd));
}

/**
 * __vhc_set_vring_err() - VHOST_SET_VRING_ERR
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the device signals when the driver broke the rules, or -1.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_err(const struct vhc_dev *dev, unsigned int index, int fd)
{
	return set_file(dev, VHOST_SET_VRING_ERR, index, fd);
}

/**
 * vhc_set_vring_err() - VHOST_SET_VRING_ERR, or give up
 * @dev: the device.
 * @index: queue.
 * @fd: eventfd that the device signals when the driver broke the rules, or -1.
 */
void vhc_set_vring_err(const struct vhc_dev *dev, unsigned int index, int fd)
{
	check(dev, VHOST_SET_VRING_ERR, __vhc_set_vring_err(dev, index, fd));
}

/**
 * __vhc_set_vring_busyloop_timeout() - VHOST_SET_VRING_BUSYLOOP_TIMEOUT
 * @dev: the device.
 * @index: queue.
 * @usecs: how long the worker polls before it sleeps.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				     unsigned int usecs)
{
	return set_state(dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index, usecs);
}

/**
 * vhc_set_vring_busyloop_timeout() - VHOST_SET_VRING_BUSYLOOP_TIMEOUT, or give up
 * @dev: the device.
 * @index: queue.
 * @usecs: how long the worker polls before it sleeps.
 */
void vhc_set_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				    unsigned int usecs)
{
	check(dev, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
	      __vhc_set_vring_busyloop_timeout(dev, index, usecs));
}

/**
 * __vhc_get_vring_busyloop_timeout() - VHOST_GET_VRING_BUSYLOOP_TIMEOUT
 * @dev: the device.
 * @index: queue.
 * @usecs: filled.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index,
				     unsigned int *usecs)
{
	return get_state(dev, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, index, usecs);
}

/**
 * vhc_get_vring_busyloop_timeout() - VHOST_GET_VRING_BUSYLOOP_TIMEOUT, or give up
 * @dev: the device.
 * @index: queue.
 *
 * Return: microseconds.
 */
unsigned int vhc_get_vring_busyloop_timeout(const struct vhc_dev *dev, unsigned int index)
{
	unsigned int usecs = 0;

	check(dev, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	      __vhc_get_vring_busyloop_timeout(dev, index, &usecs));
	return usecs;
}

/**
 * __vhc_net_set_backend() - VHOST_NET_SET_BACKEND
 * @dev: the device.
 * @index: queue.
 * @fd: tap or socket that the queue is to serve, or -1 to stop it.
 *
 * Return: 0 or -errno.
 */
int __vhc_net_set_backend(const struct vhc_dev *dev, unsigned int index, int fd)
{
	return set_file(dev, VHOST_NET_SET_BACKEND, index, fd);
}

/**
 * vhc_net_set_backend() - VHOST_NET_SET_BACKEND, or give up
 * @dev: the device.
 * @index: queue.
 * @fd: tap or socket that the queue is to serve, or -1 to stop it.
 */
void vhc_net_set_backend(const struct vhc_dev *dev, unsigned int index, int fd)
{
	check(dev, VHOST_NET_SET_BACKEND, __vhc_net_set_backend(dev, index, fd));
}

/**
 * __vhc_new_worker() - VHOST_NEW_WORKER
 * @dev: the device.
 * @worker: filled with the new worker's number.
 *
 * Return: 0 or -errno.
 */
int __vhc_new_worker(const struct vhc_dev *dev, unsigned int *worker)
{
	struct vhost_worker_state state = { 0 };
	int result = __vhc_ioctl(dev, VHOST_NEW_WORKER, &state);

	*worker = state.worker_id;
	return result;
}

/**
 * __vhc_free_worker() - VHOST_FREE_WORKER
 * @dev: the device.
 * @worker: its number.
 *
 * Return: 0 or -errno.
 */
int __vhc_free_worker(const struct vhc_dev *dev, unsigned int worker)
{
	struct vhost_worker_state state = { .worker_id = worker };

	return __vhc_ioctl(dev, VHOST_FREE_WORKER, &state);
}

/**
 * __vhc_attach_vring_worker() - VHOST_ATTACH_VRING_WORKER
 * @dev: the device.
 * @index: queue.
 * @worker: its number.
 *
 * Return: 0 or -errno.
 */
int __vhc_attach_vring_worker(const struct vhc_dev *dev, unsigned int index,
			      unsigned int worker)
{
	struct vhost_vring_worker state = { .index = index, .worker_id = worker };

	return __vhc_ioctl(dev, VHOST_ATTACH_VRING_WORKER, &state);
}

/**
 * __vhc_get_vring_worker() - VHOST_GET_VRING_WORKER
 * @dev: the device.
 * @index: queue.
 * @worker: filled with the number of the worker that serves it.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_vring_worker(const struct vhc_dev *dev, unsigned int index,
			   unsigned int *worker)
{
	struct vhost_vring_worker state = { .index = index };
	int result = __vhc_ioctl(dev, VHOST_GET_VRING_WORKER, &state);

	*worker = state.worker_id;
	return result;
}

/**
 * __vhc_set_fork_from_owner() - VHOST_SET_FORK_FROM_OWNER
 * @dev: the device.
 * @value: 1 for workers that are threads of the owner, 0 for kernel threads.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_fork_from_owner(const struct vhc_dev *dev, uint8_t value)
{
	return __vhc_ioctl(dev, VHOST_SET_FORK_FROM_OWNER, &value);
}

/**
 * __vhc_get_fork_from_owner() - VHOST_GET_FORK_FROM_OWNER
 * @dev: the device.
 * @value: filled.
 *
 * Return: 0 or -errno.
 */
int __vhc_get_fork_from_owner(const struct vhc_dev *dev, uint8_t *value)
{
	return __vhc_ioctl(dev, VHOST_GET_FORK_FROM_OWNER, value);
}

/**
 * __vhc_get_stats_fd() - VHOST_CUSTOM_GET_STATS_FD
 * @dev: the device.
 * @index: queue.
 *
 * Return: a file to read counters from, or -errno.
 */
int __vhc_get_stats_fd(const struct vhc_dev *dev, unsigned long index)
{
	int fd = ioctl(dev->fd, VHOST_CUSTOM_GET_STATS_FD, index);

	return fd < 0 ? -errno : fd;
}

/**
 * vhc_get_stats_fd() - VHOST_CUSTOM_GET_STATS_FD, or give up
 * @dev: the device; /dev/vhost-custom.
 * @index: queue.
 *
 * Return: a file to read counters from.
 */
int vhc_get_stats_fd(const struct vhc_dev *dev, unsigned int index)
{
	int fd = __vhc_get_stats_fd(dev, index);

	check(dev, VHOST_CUSTOM_GET_STATS_FD, fd < 0 ? fd : 0);
	return fd;
}

/**
 * __vhc_set_moderation() - VHOST_CUSTOM_SET_MODERATION
 * @dev: the device.
 * @index: queue.
 * @chains: see &struct vhost_custom_moderation.
 * @usecs: see there.
 *
 * Return: 0 or -errno.
 */
int __vhc_set_moderation(const struct vhc_dev *dev, unsigned int index, unsigned int chains,
			 unsigned int usecs)
{
	struct vhost_custom_moderation moderation = {
		.index = index, .chains = chains, .usecs = usecs,
	};

	return __vhc_ioctl(dev, VHOST_CUSTOM_SET_MODERATION, &moderation);
}

/**
 * vhc_set_moderation() - VHOST_CUSTOM_SET_MODERATION, or give up
 * @dev: the device; /dev/vhost-custom.
 * @index: queue.
 * @chains: see &struct vhost_custom_moderation.
 * @usecs: see there.
 */
void vhc_set_moderation(const struct vhc_dev *dev, unsigned int index, unsigned int chains,
			unsigned int usecs)
{
	check(dev, VHOST_CUSTOM_SET_MODERATION, __vhc_set_moderation(dev, index, chains, usecs));
}
