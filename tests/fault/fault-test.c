// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about a host that fails: for each step of a device's life, memory and copies are refused
 * at the first site that asks for it, at the second one and so on, until there is none. Each time
 * the step succeeds, or says why not and can be done again. Frames pass afterwards, and nothing is
 * left behind.
 *
 * Runs on the host debug only: tests/run. Its kernel looks for memory that was lost, after all.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../worker/threads.h"
#include "frame.h"
#include "inject.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	NTH_MAX = 3000,		/* no step has so many sites */
	BUFFER = 2048,
	BUFFERS = 8,
	POSTED = 4,		/* of them */
	LEN = 100,
};

/**
 * struct scene - what steps are done with
 * @rig: a port.
 * @dev: a device without one.
 * @self: this thread.
 * @buffers: guest address of %BUFFERS for RX.
 * @posted: buffers that were posted.
 * @number: of the last frame each way.
 * @sites: that were visited.
 */
struct scene {
	struct rig rig;
	struct vhc_dev dev;
	struct inject self;
	uint64_t buffers;
	unsigned int posted;
	uint64_t number[VHC_QUEUES];
	unsigned int sites;
};

/**
 * struct step - something that may be refused
 * @name: of it.
 * @run: does it. Returns 0 or -errno.
 * @undo: so that it can be done again; may be missing.
 * @also: -errno that the vhost core has for a copy that failed, beside those of is_clear().
 */
struct step {
	const char *name;
	int (*run)(struct scene *scene);
	void (*undo)(struct scene *scene);
	int also;
};

/* ---- what is left ---- */

static unsigned int open_files(void)
{
	DIR *files = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

static void scene_begin(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->dev.fd = -1;
	inject_set_up();
	inject_open(&scene->self, gettid());
}

static void scene_end(struct scene *scene)
{
	inject_close(&scene->self);
	/* A sweep that visits nothing shows nothing. */
	assert_int_not_equal(scene->sites, 0);
}

/* ---- frames ---- */

static void post_rx(struct scene *scene)
{
	struct vhc_driver *rx = rig_driver(&scene->rig, VHC_RX);

	while (rx->num - rx->free_num < POSTED)
		rig_post_rx(&scene->rig, scene->buffers + scene->posted++ % BUFFERS * BUFFER,
			    BUFFER);
}

static void send_one(struct scene *scene, unsigned int index)
{
	const uint64_t number = ++scene->number[index];

	if (index == VHC_RX) {
		post_rx(scene);
		rig_send_rx(&scene->rig, number, LEN);
	} else {
		rig_add_tx(&scene->rig, number);
		vhc_queue_publish(&scene->rig.port.queue[VHC_TX]);
	}
}

/* Reads one frame of the guest's; returns its number. */
static uint64_t take_tx(struct scene *scene)
{
	const struct vhc_tap *tap = &scene->rig.port.tap;
	struct virtio_net_hdr header;
	uint64_t number;
	char frame[BUFFER];
	ssize_t len;

	if (!vhc_eventfd_wait(tap->sock, RIG_PATIENCE_MS))
		fail_msg("TX: frame %lu does not come", (unsigned long)scene->number[VHC_TX]);
	len = vhc_tap_receive(tap, &header, frame, sizeof(frame));
	assert_result(len < 0 ? len : 0, 0);
	assert_result(vhc_frame_check(frame, len, VHC_TX, false, &number), 0);
	return number;
}

/* Reads one frame for the guest; returns its number. */
static uint64_t take_rx(struct scene *scene)
{
	const unsigned int header_len = scene->rig.port.header_len;
	struct vhc_used used;
	char bytes[BUFFER];
	uint64_t number;

	if (!vhc_queue_wait(&scene->rig.port.queue[VHC_RX], 1, RIG_PATIENCE_MS))
		fail_msg("RX: frame %lu does not come", (unsigned long)scene->number[VHC_RX]);
	assert_int_equal(vhc_driver_take_used(rig_driver(&scene->rig, VHC_RX), &used), 1);
	assert_in_range(used.len, header_len + VHC_FRAME_MIN, sizeof(bytes));
	vhc_mem_read(&scene->rig.port.mem, used.cookie, bytes, used.len);
	assert_result(vhc_frame_check(bytes + header_len, used.len - header_len, VHC_RX, false,
				      &number), 0);
	post_rx(scene);
	return number;
}

/* Frames may have been lost before; the last one is not. Nor does any come twice. */
static void receive(struct scene *scene, unsigned int index)
{
	uint64_t number, last = 0;

	do {
		number = index == VHC_RX ? take_rx(scene) : take_tx(scene);
		if (number <= last)
			fail_msg("queue %u: frame %lu after %lu", index, (unsigned long)number,
				 (unsigned long)last);
		last = number;
	} while (number != scene->number[index]);
}

/* The driver of TX takes back what it sent: all of it. */
static void take_back(struct scene *scene)
{
	struct vhc_driver *tx = rig_driver(&scene->rig, VHC_TX);
	struct vhc_used used;

	rig_spin_until_used(&scene->rig, VHC_TX, tx->published);
	while (vhc_driver_take_used(tx, &used))
		;
	assert_result(tx->error, 0);
}

static void exchange(struct scene *scene, unsigned int index)
{
	send_one(scene, index);
	receive(scene, index);
	if (index == VHC_TX)
		take_back(scene);
}

static void exchange_both(struct scene *scene)
{
	exchange(scene, VHC_TX);
	exchange(scene, VHC_RX);
}

static void port_open(struct scene *scene, const struct variant *variant, unsigned int iommu)
{
	const struct vhc_port_config config = { .mem_size = 1 << 20, .iommu = iommu };

	rig_open(&scene->rig, variant, &config);
	scene->buffers = vhc_mem_alloc(&scene->rig.port.mem, BUFFERS * BUFFER, BUFFER);
	scene->posted = 0;
}

static void port_start(struct scene *scene)
{
	if (scene->rig.port.iommu.alias)
		vhc_iommu_start(&scene->rig.port.iommu);
	rig_start(&scene->rig);
}

/* ---- steps of a thread's own ---- */

/* What is said when the host has no memory, or not the caller's. */
static bool is_clear(int result)
{
	return result == -ENOMEM || result == -EFAULT;
}

/* Done again it succeeds, since only one thing fails. */
static bool attempt(struct scene *scene, const struct step *step, unsigned int nth, bool *refused)
{
	bool fired;
	int result;

	inject_arm(&scene->self, nth);
	result = step->run(scene);
	fired = inject_disarm(&scene->self);
	*refused = result;
	if (result && (!fired || !(is_clear(result) || result == step->also)))
		fail_msg("%s, with fault %u%s: %d (%s)", step->name, nth,
			 fired ? "" : ", which did not come", result, strerrorname_np(-result));
	if (result) {
		result = step->run(scene);
		if (result)
			fail_msg("%s, again after fault %u: %d (%s)", step->name, nth, result,
				 strerrorname_np(-result));
	}
	return fired;
}

static void sweep(struct scene *scene, const struct step *step)
{
	unsigned int nth = 0, refusals = 0;
	bool fired, refused;

	do {
		fired = attempt(scene, step, ++nth, &refused);
		refusals += refused;
		if (step->undo)
			step->undo(scene);
	} while (fired && nth < NTH_MAX);
	if (fired)
		fail_msg("%s does not come to an end", step->name);
	print_message("# %s: %u sites, %u of which refuse it\n", step->name, nth - 1, refusals);
	scene->sites += nth - 1;
}

static void sweep_all(struct scene *scene, const struct step *steps, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		sweep(scene, &steps[i]);
}

/* ---- a device without a port ---- */

static const char *device;

static int run_open(struct scene *scene)
{
	return __vhc_open(&scene->dev, device);
}

static void undo_open(struct scene *scene)
{
	vhc_close(&scene->dev);
}

static int run_set_owner(struct scene *scene)
{
	int result = __vhc_set_owner(&scene->dev);

	if (result)
		threads_expect(0);
	return result;
}

static void undo_set_owner(struct scene *scene)
{
	vhc_reset_owner(&scene->dev);
	threads_expect(0);
}

static int run_iommu_features(struct scene *scene)
{
	return __vhc_set_features(&scene->dev, VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM);
}

static void undo_iommu_features(struct scene *scene)
{
	vhc_set_features(&scene->dev, VHC_F_VERSION_1);
}

static int run_get_stats(struct scene *scene)
{
	int fd = __vhc_get_stats_fd(&scene->dev, VHC_TX);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int run_moderation(struct scene *scene)
{
	return __vhc_set_moderation(&scene->dev, VHC_TX, 8, 50);
}

static void a_device_is_opened_and_owned(const struct variant *variant)
{
	static const struct step open = { "open", run_open, undo_open, 0 };
	static const struct step steps[] = {
		{ "SET_OWNER", run_set_owner, undo_set_owner, 0 },
		{ "SET_FEATURES", run_iommu_features, undo_iommu_features, 0 },
		{ "GET_STATS_FD", run_get_stats, NULL, 0 },
		{ "SET_MODERATION", run_moderation, NULL, 0 },
	};
	struct residue before;
	unsigned int files;
	struct scene scene;

	device = variant->device;
	scene_begin(&scene);
	residue_read(&before);
	files = open_files();
	sweep(&scene, &open);
	assert_int_equal(open_files(), files);
	vhc_open(&scene.dev, device);
	sweep_all(&scene, steps, ARRAY_SIZE(steps));
	assert_int_equal(open_files(), files + 1);
	vhc_close(&scene.dev);

	port_open(&scene, variant, 0);
	port_start(&scene);
	exchange_both(&scene);
	rig_close(&scene.rig);
	residue_expect(&before, scene.sites);
	scene_end(&scene);
}

/* ---- a port is set up, started and stopped ---- */

static int run_mem_table(struct scene *scene)
{
	const struct vhc_port *port = &scene->rig.port;
	struct {
		struct vhost_memory table;
		struct vhost_memory_region region;
	} arg = {
		.table.nregions = 1,
		.region.guest_phys_addr = VHC_MEM_BASE,
		.region.memory_size = port->mem.region_size,
		.region.userspace_addr = (uintptr_t)port->mem.host[0],
	};

	return __vhc_set_mem_table(&port->dev, &arg.table);
}

/* The first thing that fails of what is said about each queue. */
static int run_rings(struct scene *scene)
{
	const struct vhc_port *port = &scene->rig.port;
	struct vhost_vring_addr addr;
	int result = 0;
	unsigned int i;

	for (i = 0; !result && i < VHC_QUEUES; i++) {
		const struct vhc_queue *queue = &port->queue[i];

		vhc_port_addr(port, i, &addr);
		result = __vhc_set_vring_num(&port->dev, i, queue->driver.num) ?:
			 __vhc_set_vring_base(&port->dev, i,
					      vhc_driver_base(&scene->rig.port.queue[i].driver)) ?:
			 __vhc_set_vring_addr(&port->dev, &addr) ?:
			 __vhc_set_vring_kick(&port->dev, i, queue->kick) ?:
			 __vhc_set_vring_call(&port->dev, i, queue->call) ?:
			 __vhc_set_vring_err(&port->dev, i, queue->err);
	}
	return result;
}

static int run_start(struct scene *scene)
{
	const struct vhc_port *port = &scene->rig.port;

	return __vhc_net_set_backend(&port->dev, VHC_RX, port->tap.fd) ?:
	       __vhc_net_set_backend(&port->dev, VHC_TX, port->tap.fd);
}

static int run_stop(struct scene *scene)
{
	const struct vhc_port *port = &scene->rig.port;
	unsigned int base;

	return __vhc_net_set_backend(&port->dev, VHC_RX, -1) ?:
	       __vhc_net_set_backend(&port->dev, VHC_TX, -1) ?:
	       __vhc_get_vring_base(&port->dev, VHC_RX, &base) ?:
	       __vhc_get_vring_base(&port->dev, VHC_TX, &base);
}

static void undo_start(struct scene *scene)
{
	exchange_both(scene);
	assert_result(run_stop(scene), 0);
}

static void undo_stop(struct scene *scene)
{
	assert_result(run_start(scene), 0);
	exchange_both(scene);
}

static void a_port_is_set_up_and_started(const struct variant *variant)
{
	static const struct step steps[] = {
		{ "SET_MEM_TABLE", run_mem_table, NULL, 0 },
		{ "SET_VRING_x", run_rings, NULL, 0 },
		{ "NET_SET_BACKEND", run_start, undo_start, 0 },
	};
	static const struct step stop = { "NET_SET_BACKEND -1", run_stop, undo_stop, 0 };
	struct residue before;
	struct scene scene;

	scene_begin(&scene);
	residue_read(&before);
	port_open(&scene, variant, 0);
	/* The packet socket and what it needs. */
	port_start(&scene);
	assert_result(run_stop(&scene), 0);
	sweep_all(&scene, steps, ARRAY_SIZE(steps));
	assert_result(run_start(&scene), 0);
	sweep(&scene, &stop);
	rig_close(&scene.rig);
	residue_expect(&before, 1);
	scene_end(&scene);
}

/* ---- traffic ---- */

static bool is_back(struct scene *scene, unsigned int index)
{
	struct vhc_driver *driver = rig_driver(&scene->rig, index);

	return vhc_driver_used_idx(driver) != driver->last_used;
}

/*
 * A fault may cost a frame, or stop the queue, which its error eventfd tells; no queue waits for
 * another kick or frame. Then the worker sleeps.
 */
static void wait_for_worker(struct scene *scene, unsigned int index)
{
	const int err = scene->rig.port.queue[index].err;
	const time_t end = time(NULL) + 60;

	while (!is_back(scene, index) && !vhc_eventfd_wait(err, 1))
		if (time(NULL) > end)
			fail_msg("queue %u: neither a frame nor an error", index);
	rig_settle();
}

static void sweep_worker(struct scene *scene, unsigned int index)
{
	struct vhc_queue *queue = &scene->rig.port.queue[index];
	unsigned int nth = 0, stopped = 0;
	struct inject worker;
	bool fired;

	inject_open(&worker, thread_of(&scene->rig.port.dev, index));
	do {
		inject_arm(&worker, ++nth);
		send_one(scene, index);
		wait_for_worker(scene, index);
		fired = inject_disarm(&worker);
		if (vhc_eventfd_read(queue->err)) {
			assert_true(fired);
			stopped++;
			rig_reset_queue(&scene->rig, index);
		}
		exchange(scene, index);
	} while (fired && nth < NTH_MAX);
	if (fired)
		fail_msg("queue %u does not come to an end", index);
	inject_close(&worker);
	print_message("# %s: %u sites, %u of which stop the queue\n",
		      index == VHC_RX ? "RX" : "TX", nth - 1, stopped);
	scene->sites += nth - 1;
}

static void traffic(const struct variant *variant, unsigned int iommu)
{
	struct residue before;
	struct scene scene;

	scene_begin(&scene);
	residue_read(&before);
	port_open(&scene, variant, iommu);
	port_start(&scene);
	exchange_both(&scene);
	sweep_worker(&scene, VHC_TX);
	exchange_both(&scene);
	sweep_worker(&scene, VHC_RX);
	exchange_both(&scene);
	rig_close(&scene.rig);
	residue_expect(&before, 1);
	scene_end(&scene);
}

/* The first frame needs memory that later ones use again. Returns whether the fault came. */
static bool first_one(struct scene *scene, const struct variant *variant, unsigned int nth)
{
	struct inject worker;
	bool fired;

	memset(scene->number, 0, sizeof(scene->number));
	port_open(scene, variant, 0);
	port_start(scene);
	exchange(scene, VHC_RX);
	inject_open(&worker, thread_of(&scene->rig.port.dev, VHC_TX));
	inject_arm(&worker, nth);
	send_one(scene, VHC_TX);
	wait_for_worker(scene, VHC_TX);
	fired = inject_disarm(&worker);
	inject_close(&worker);
	/* It may be lost, but nothing else is. */
	assert_int_equal(vhc_eventfd_read(scene->rig.port.queue[VHC_TX].err) && !fired, 0);
	exchange_both(scene);
	rig_close(&scene->rig);
	return fired;
}

static void the_first_frame_passes(const struct variant *variant)
{
	unsigned int nth = 0;
	struct scene scene;

	scene_begin(&scene);
	while (first_one(&scene, variant, ++nth))
		assert_true(nth < NTH_MAX);
	print_message("# the first frame: %u sites\n", nth - 1);
	scene.sites = nth - 1;
	scene_end(&scene);
}

static void frames_pass(const struct variant *variant)
{
	traffic(variant, 0);
}

/* With so few translations that frames need new ones. */
static void frames_pass_an_iommu(const struct variant *variant)
{
	traffic(variant, 8);
}

/* ---- an IOMMU's messages ---- */

static int send_message(struct scene *scene, unsigned int type)
{
	const struct vhc_port *port = &scene->rig.port;
	struct vhost_msg msg = {
		.type = VHOST_IOTLB_MSG,
		.iotlb = {
			.type = type,
			.iova = scene->buffers,
			.size = VHC_IOMMU_PAGE,
			.uaddr = (uintptr_t)port->iommu.alias,
			.perm = VHOST_ACCESS_RW,
		},
	};

	return write(port->dev.fd, &msg, sizeof(msg)) < 0 ? -errno : 0;
}

static int run_update(struct scene *scene)
{
	return send_message(scene, VHOST_IOTLB_UPDATE);
}

static int run_invalidate(struct scene *scene)
{
	return send_message(scene, VHOST_IOTLB_INVALIDATE);
}

static void translations_come_and_go(const struct variant *variant)
{
	static const struct step steps[] = {
		{ "IOTLB_UPDATE", run_update, NULL, -EINVAL },
		{ "IOTLB_INVALIDATE", run_invalidate, NULL, -EINVAL },
	};
	struct scene scene;

	scene_begin(&scene);
	port_open(&scene, variant, 64);
	sweep_all(&scene, steps, ARRAY_SIZE(steps));
	port_start(&scene);
	exchange_both(&scene);
	rig_close(&scene.rig);
	scene_end(&scene);
}

/* ---- the end ---- */

/* Each time a port with frames on their way; returns whether the fault came. */
static bool end_one(struct scene *scene, const struct variant *variant, unsigned int nth,
		    bool closed)
{
	struct vhc_dev *dev;
	int result = 0;
	bool fired;

	port_open(scene, variant, 0);
	dev = &scene->rig.port.dev;
	port_start(scene);
	exchange_both(scene);
	send_one(scene, VHC_TX);
	send_one(scene, VHC_RX);
	inject_arm(&scene->self, nth);
	if (closed)
		vhc_close(dev);
	else
		result = __vhc_reset_owner(dev);
	fired = inject_disarm(&scene->self);
	if (result) {
		assert_true(fired && is_clear(result));
		receive(scene, VHC_TX);
		take_back(scene);
		receive(scene, VHC_RX);
		exchange_both(scene);
		assert_result(__vhc_reset_owner(dev), 0);
	}
	threads_expect(0);
	vhc_port_close(&scene->rig.port);
	return fired;
}

static void sweep_end(struct scene *scene, const struct variant *variant, bool closed)
{
	unsigned int nth = 0;

	while (end_one(scene, variant, ++nth, closed))
		assert_true(nth < NTH_MAX);
	print_message("# %s: %u sites\n", closed ? "close" : "RESET_OWNER", nth - 1);
	scene->sites += nth - 1;
}

static void an_owner_is_reset_and_a_device_closed(const struct variant *variant)
{
	struct residue before;
	unsigned int files;
	struct scene scene;

	scene_begin(&scene);
	residue_read(&before);
	files = open_files();
	sweep_end(&scene, variant, false);
	sweep_end(&scene, variant, true);
	assert_int_equal(open_files(), files);
	residue_expect(&before, scene.sites);
	scene_end(&scene);
}

#define FAULTS(always, claim) \
	OF(SPLIT_AND_PACKED, ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX | (always), \
	   0, 600, claim)

static const struct claim claims[] = {
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 600, a_device_is_opened_and_owned),
	FAULTS(0, a_port_is_set_up_and_started),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 600, the_first_frame_passes),
	FAULTS(VHC_F_MRG_RXBUF, frames_pass),
	FAULTS(VHC_F_ACCESS_PLATFORM, frames_pass_an_iommu),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM, 0, 600,
	   translations_come_and_go),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 600, an_owner_is_reset_and_a_device_closed),
};

int main(int argc, char **argv)
{
	claims_add(claims, ARRAY_SIZE(claims));
	return claims_main(argc, argv);
}
