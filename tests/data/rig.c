// SPDX-License-Identifier: GPL-2.0
/*
 * A port under test, and what most claims about frames do with one.
 *
 * Callers: the other files here.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mount.h>

#include "frame.h"
#include "rig.h"

enum {
	TX_LEN = 200,		/* of the frames of rig_add_tx() */
	TX_SLOT = 256,
};

/**
 * rig_traffic() - frames of 60 to 1514 bytes both ways
 * @count: frames each way.
 *
 * Return: what to change before it is used.
 */
struct vhc_traffic_config rig_traffic(uint64_t count)
{
	const struct vhc_traffic_config traffic = {
		.directions = 1 << VHC_RX | 1 << VHC_TX,
		.count = count,
		.min = VHC_FRAME_MIN,
		.max = 1514,
		.segments = 1,
		.stall_ms = RIG_PATIENCE_MS,
	};

	return traffic;
}

/**
 * rig_open() - set up a port
 * @rig: filled.
 * @variant: the device and the features.
 * @config: anything else that is not as usual, or NULL.
 */
void rig_open(struct rig *rig, const struct variant *variant,
	      const struct vhc_port_config *config)
{
	struct vhc_port_config usual = { 0 };

	memset(rig, 0, sizeof(*rig));
	rig->variant = variant;
	if (config)
		usual = *config;
	usual.device = variant->device;
	usual.features = variant->features;
	if (!usual.ring_size)
		usual.ring_size = 256;
	vhc_port_open(&rig->port, &usual);
}

static void set_workers(const struct variant *variant, const char *number)
{
	FILE *out;

	if (!variant->custom)
		return;
	out = fopen("/sys/module/vhost_custom/parameters/workers", "we");
	if (!out || fputs(number, out) < 0 || fclose(out))
		fail_msg("%s workers: %s", number, strerror(errno));
}

/**
 * rig_open_shared() - the same, with one worker for both queues, as vhost-net's always have
 * @rig: filled.
 * @variant: the device and the features.
 * @config: anything else that is not as usual, or NULL.
 */
void rig_open_shared(struct rig *rig, const struct variant *variant,
		     const struct vhc_port_config *config)
{
	set_workers(variant, "1");
	rig_open(rig, variant, config);
	set_workers(variant, "2");
}

/**
 * rig_driver() - the driver's side of a queue
 * @rig: the rig.
 * @index: VHC_RX or VHC_TX.
 *
 * Return: it.
 */
struct vhc_driver *rig_driver(struct rig *rig, unsigned int index)
{
	return &rig->port.queue[index].driver;
}

/**
 * rig_start() - start both queues, for claims that do not use rig_run()
 * @rig: the rig.
 */
void rig_start(struct rig *rig)
{
	rig->tx_slots = vhc_mem_alloc(&rig->port.mem,
				      (uint64_t)TX_SLOT * rig_driver(rig, VHC_TX)->num, 64);
	vhc_tap_attach(&rig->port.tap, VHC_FRAME_PROTOCOL);
	vhc_port_start(&rig->port);
}

/**
 * rig_close() - undo rig_open(); the device must have come to rest
 * @rig: the rig.
 */
void rig_close(struct rig *rig)
{
	rig_settle();
	vhc_port_close(&rig->port);
}

static void explain_flow(const char *name, const struct vhc_flow_report *flow)
{
	print_message("%s: sent %" PRIu64 ", received %" PRIu64 ", doubled %" PRIu64
		      ", reordered %" PRIu64 ", damaged %" PRIu64 ", foreign %" PRIu64
		      ", refused %" PRIu64 ", chains %" PRIu64 "\n",
		      name, flow->sent, flow->received, flow->doubled, flow->reordered,
		      flow->damaged, flow->foreign, flow->refused, flow->chains);
}

/**
 * rig_run() - send frames both ways; fail unless all of them arrive
 * @rig: the rig; not started.
 * @config: what to send.
 */
void rig_run(struct rig *rig, const struct vhc_traffic_config *config)
{
	struct vhc_traffic *traffic = vhc_traffic_open(&rig->port, config);
	char why[256] = "";
	bool clean, agrees = true;

	vhc_port_start(&rig->port);
	clean = vhc_traffic_run(traffic);
	rig->report = *vhc_traffic_report(traffic);
	if (clean && rig->variant->custom)
		agrees = vhc_report_agrees(&rig->report, &rig->port.dev, why, sizeof(why));
	if (!clean || !agrees) {
		explain_flow("RX", &rig->report.flow[VHC_RX]);
		explain_flow("TX", &rig->report.flow[VHC_TX]);
		fail_msg("%s%s", rig->report.trouble, why);
	}
	vhc_traffic_close(traffic);
}

/**
 * rig_exchange() - all of the above
 * @variant: the device and the features.
 * @config: of the port: anything that is not as usual, or NULL.
 * @traffic: what to send; with indirect tables if they were negotiated.
 */
void rig_exchange(const struct variant *variant, const struct vhc_port_config *config,
		  const struct vhc_traffic_config *traffic)
{
	struct vhc_traffic_config laid_out = *traffic;
	struct vhc_port_config port = { 0 };
	struct rig rig;

	if (config)
		port = *config;
	if (!port.ring_size)
		port.ring_size = 256;
	laid_out.indirect = variant->features & VHC_F_INDIRECT;
	port.table_max = laid_out.indirect ? laid_out.segments : 0;
	port.mem_size = vhc_traffic_mem_size(&laid_out, variant->features, port.ring_size,
					     port.table_max);
	if (port.regions)
		port.mem_size *= 2;
	rig_open(&rig, variant, &port);
	rig_run(&rig, &laid_out);
	rig_close(&rig);
}

/**
 * rig_tx_seg() - write a frame to guest memory
 * @rig: the rig.
 * @number: the frame's number; chooses the memory too.
 *
 * Return: the frame with its header.
 */
struct vhc_seg rig_tx_seg(struct rig *rig, uint64_t number)
{
	static const char header[VHC_HEADER_MAX];
	unsigned int header_len = rig->port.header_len;
	struct vhc_seg seg = {
		.addr = rig->tx_slots + number % rig_driver(rig, VHC_TX)->num * TX_SLOT,
		.len = header_len + TX_LEN,
	};
	char frame[TX_LEN];

	vhc_frame_build(frame, TX_LEN, VHC_TX, number, false);
	vhc_mem_write(&rig->port.mem, seg.addr, header, header_len);
	vhc_mem_write(&rig->port.mem, seg.addr + header_len, frame, TX_LEN);
	return seg;
}

/**
 * rig_add_tx() - add a frame to the TX ring, not published yet
 * @rig: the rig, started.
 * @number: the frame's number.
 */
void rig_add_tx(struct rig *rig, uint64_t number)
{
	struct vhc_seg seg = rig_tx_seg(rig, number);

	assert_true(vhc_driver_add(rig_driver(rig, VHC_TX), &seg, 1, 0, number) >= 0);
}

/**
 * rig_expect_tx() - the next frame that comes out of the tap has this number
 * @rig: the rig.
 * @number: the number.
 */
void rig_expect_tx(struct rig *rig, uint64_t number)
{
	struct pollfd fd = { .fd = rig->port.tap.sock, .events = POLLIN };
	struct virtio_net_hdr header;
	char frame[2048];
	uint64_t got;
	ssize_t len;

	assert_int_equal(poll(&fd, 1, RIG_PATIENCE_MS), 1);
	len = vhc_tap_receive(&rig->port.tap, &header, frame, sizeof(frame));
	assert_result(len < 0 ? len : 0, 0);
	assert_result(vhc_frame_check(frame, len, VHC_TX, false, &got), 0);
	assert_int_equal(got, number);
}

/**
 * rig_post_rx() - make a buffer available to RX
 * @rig: the rig.
 * @addr: its guest address; becomes the cookie.
 * @bytes: its size, with the header.
 */
void rig_post_rx(struct rig *rig, uint64_t addr, unsigned int bytes)
{
	struct vhc_seg seg = { .addr = addr, .len = bytes };

	assert_true(vhc_driver_add(rig_driver(rig, VHC_RX), &seg, 0, 1, addr) >= 0);
	vhc_queue_publish(&rig->port.queue[VHC_RX]);
}

/**
 * rig_send_rx() - send a frame to the guest
 * @rig: the rig, started.
 * @number: the frame's number.
 * @len: its length.
 */
void rig_send_rx(struct rig *rig, uint64_t number, size_t len)
{
	static char frame[VHC_FRAME_MAX];
	struct virtio_net_hdr header;

	vhc_frame_header(&header, false);
	vhc_frame_build(frame, len, VHC_RX, number, false);
	assert_result(vhc_tap_send(&rig->port.tap, &header, frame, len), 0);
}

/**
 * rig_expect_rx() - the next frame that the guest receives has this number
 * @rig: the rig.
 * @want: the number. The frame fits into one buffer of rig_post_rx().
 */
void rig_expect_rx(struct rig *rig, uint64_t want)
{
	static char bytes[VHC_FRAME_MAX];
	unsigned int header_len = rig->port.header_len;
	struct vhc_used used;
	uint64_t number;

	assert_true(vhc_queue_wait(&rig->port.queue[VHC_RX], 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_RX), &used), 1);
	assert_in_range(used.len, header_len + VHC_FRAME_MIN, sizeof(bytes));
	vhc_mem_read(&rig->port.mem, used.cookie, bytes, used.len);
	assert_result(vhc_frame_check(bytes + header_len, used.len - header_len, VHC_RX, false,
				      &number), 0);
	assert_int_equal(number, want);
}

/**
 * rig_spin_until_used() - wait for chains to come back without asking for a signal
 * @rig: the rig.
 * @index: VHC_RX or VHC_TX.
 * @want: how many, as vhc_driver_used_idx() counts them.
 */
void rig_spin_until_used(struct rig *rig, unsigned int index, uint16_t want)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (vhc_driver_used_idx(rig_driver(rig, index)) != want) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > RIG_PATIENCE_MS / 1000)
			fail_msg("queue %u: %u chains came back, not %u, after %d ms", index,
				 vhc_driver_used_idx(rig_driver(rig, index)), want,
				 RIG_PATIENCE_MS);
		sched_yield();
	}
}

/**
 * rig_settle() - the device has come to rest, or the test fails
 */
void rig_settle(void)
{
	struct vhc_workers workers;

	if (!vhc_workers_settle(&workers, RIG_PATIENCE_MS))
		fail_msg("a worker still runs after %d ms with nothing to do", RIG_PATIENCE_MS);
	if (!workers.count)
		fail_msg("there is no worker named vhost-PID");
}

/**
 * rig_reset_queue() - what QEMU does for VIRTIO_F_RING_RESET, and starts it again
 * @rig: the rig.
 * @index: VHC_RX or VHC_TX; chains that the driver has out are forgotten.
 */
void rig_reset_queue(struct rig *rig, unsigned int index)
{
	struct vhc_driver *driver = rig_driver(rig, index);
	struct vhost_vring_addr addr;

	vhc_port_stop_queue(&rig->port, index);
	vhc_driver_rewind(driver, 0);
	vhc_set_vring_num(&rig->port.dev, index, driver->num);
	vhc_set_vring_base(&rig->port.dev, index, vhc_driver_base(driver));
	vhc_port_addr(&rig->port, index, &addr);
	vhc_set_vring_addr(&rig->port.dev, &addr);
	vhc_port_start_queue(&rig->port, index);
}

/**
 * rig_instance() - the number that the module gave to the device
 * @rig: the rig.
 *
 * Return: it; never 0.
 */
unsigned int rig_instance(const struct rig *rig)
{
	char path[64], line[256];
	unsigned int number = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", rig->port.dev.fd);
	in = fopen(path, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "instance: %u", &number) == 1)
			break;
	fclose(in);
	assert_int_not_equal(number, 0);
	return number;
}

#define DEBUGFS "/sys/kernel/debug"

/**
 * rig_state_path() - the file in debugfs with the device's state
 * @rig: the rig.
 * @path: filled.
 * @size: of @path.
 */
void rig_state_path(const struct rig *rig, char *path, size_t size)
{
	if (access(DEBUGFS "/vhost_custom", F_OK))
		assert_int_equal(mount("debugfs", DEBUGFS, "debugfs", 0, NULL), 0);
	snprintf(path, size, DEBUGFS "/vhost_custom/%u", rig_instance(rig));
}

/**
 * rig_state() - what that file says
 * @rig: the rig.
 * @name: of a line.
 * @value: filled with the rest of it; %RIG_STATE_VALUE bytes.
 *
 * Return: false if there is no such line.
 */
bool rig_state(const struct rig *rig, const char *name, char *value)
{
	char path[64], line[RIG_STATE_VALUE];
	size_t len = strlen(name);
	bool found = false;
	FILE *in;

	rig_state_path(rig, path, sizeof(path));
	in = fopen(path, "re");
	if (!in)
		fail_msg("%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), in)) {
		found = !strncmp(line, name, len) && !strncmp(line + len, ":\t", 2);
		line[strcspn(line, "\n")] = '\0';
		if (found)
			strcpy(value, line + len + 2);
	}
	fclose(in);
	return found;
}

/**
 * rig_set_parameter() - change one of the module's parameters
 * @name: its name.
 * @value: a number.
 */
void rig_set_parameter(const char *name, unsigned int value)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "/sys/module/vhost_custom/parameters/%s", name);
	out = fopen(path, "we");
	if (!out)
		fail_msg("%s: %s", path, strerror(errno));
	fprintf(out, "%u", value);
	assert_int_equal(fclose(out), 0);
}
